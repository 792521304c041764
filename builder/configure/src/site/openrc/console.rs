//! Terminals to log in at, as inittab(5) has them: sysvinit starts none on a serial line by itself.

use std::fmt::Write;

use rootsmith_profile::Profile;
use rootsmith_types::Arch;

use super::super::owned;
use crate::edit::Edit;

const INITTAB: &str = "/etc/inittab";
/// The line's speed where the kernel's command line says none, but for the kernel's own 9600: what every machine's firmware has.
const SPEED: &str = "115200";

/// A line for every `console=` that is no virtual terminal.
pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile, arch: Arch) {
    let Some(mut text) = edit.read(INITTAB) else { return };
    let words = profile.kernel.iter().flat_map(|kernel| kernel.cmdline_for(arch));
    let mut origin = None;
    for word in words {
        let Some((device, speed)) = word.value.strip_prefix("console=").and_then(terminal) else { continue };
        let id = &device[device.len().saturating_sub(4)..];
        let id = device.strip_prefix("tty").filter(|rest| rest.len() <= 4).unwrap_or(id);
        if text.lines().any(|line| line.starts_with(&format!("{id}:"))) {
            continue;
        }
        if origin.is_none() {
            text.push_str("\n# The console on the kernel's command line.\n");
            origin = Some(word.origin.clone());
        }
        let _ = writeln!(text, "{id}:2345:respawn:/sbin/agetty -L {speed} {device} vt100");
    }
    if let Some(origin) = origin {
        owned(edit, &origin, INITTAB, text);
    }
}

/// `ttyS0,115200n8` to a device and its speed; `None` for what shows pictures.
fn terminal(console: &str) -> Option<(&str, &str)> {
    let (device, options) = console.split_once(',').unwrap_or((console, ""));
    let is_name = !device.is_empty() && device.bytes().all(|b| b.is_ascii_alphanumeric());
    let number = device.strip_prefix("tty").unwrap_or(device);
    // `uart8250` and the like are places, not devices.
    let is_place = device.starts_with("uart");
    if !is_name || is_place || number.is_empty() || number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = options.bytes().take_while(u8::is_ascii_digit).count();
    Some((device, if digits == 0 { SPEED } else { &options[..digits] }))
}

#[cfg(test)]
mod tests {
    use super::terminal;

    #[test]
    fn serial_lines_are_told_from_screens() {
        assert_eq!(terminal("ttyS0"), Some(("ttyS0", "115200")));
        assert_eq!(terminal("ttyAMA0,57600n8"), Some(("ttyAMA0", "57600")));
        assert_eq!(terminal("hvc0"), Some(("hvc0", "115200")));
        assert_eq!(terminal("tty0"), None);
        assert_eq!(terminal("tty"), None);
        assert_eq!(terminal("uart8250,mmio32,0x3f2"), None, "no device of this name");
    }
}
