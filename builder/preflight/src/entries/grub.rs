//! GRUB's menu: `menuentry` blocks of `grub.cfg`. Commands are not run; what an entry loads is read off its lines.

use super::{Files, Named};
use crate::{BootEntry, EntryKind};

const FILES: [&str; 8] = [
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/grub/grub.cfg",
    "/grub2/grub.cfg",
    "/EFI/BOOT/grub.cfg",
    "/EFI/debian/grub.cfg",
    "/EFI/ubuntu/grub.cfg",
    "/EFI/fedora/grub.cfg",
];

/// The entries in their order; the first one is what starts when nobody says otherwise.
pub(super) fn entries(files: &Files<'_>, own: usize) -> Vec<BootEntry> {
    let mut found = Vec::new();
    for file in FILES {
        let Some(text) = files.text(own, file) else { continue };
        // Entries for older kernels and for rescue follow; a few tell enough, and each costs reading its kernel.
        for (title, named) in parse(&text).into_iter().filter(|(_, named)| named.linux.is_some()).take(4) {
            found.push(files.entry(own, EntryKind::Grub, format!("{file}: {title}"), &named));
        }
    }
    found
}

fn parse(text: &str) -> Vec<(String, Named)> {
    let mut entries: Vec<(String, Named)> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        let words = words(line);
        let Some((command, arguments)) = words.split_first() else { continue };
        if command == "menuentry" {
            entries.push((arguments.first().cloned().unwrap_or_default(), Named::default()));
            inside = true;
            continue;
        }
        if command == "}" {
            inside = false;
        }
        let Some((_, named)) = entries.last_mut().filter(|_| inside) else { continue };
        let file = |path: &String| {
            // `(hd0,gpt1)/vmlinuz`, `($root)/vmlinuz`.
            let path = path.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(path.as_str(), |(_, it)| it);
            path.to_owned()
        };
        match (command.as_str(), arguments) {
            ("linux" | "linuxefi" | "linux16", [path, rest @ ..]) => {
                named.linux = Some(file(path));
                named.cmdline = rest.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(" ");
            }
            ("initrd" | "initrdefi" | "initrd16", paths) => named.initrds.extend(paths.iter().map(file)),
            ("devicetree", [path, ..]) => named.device_tree = Some(file(path)),
            _ => {}
        }
    }
    entries
}

/// The words of a line: quotes taken off, variables left out, `$root` in parentheses kept for the one who strips it.
fn words(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let (mut quote, mut any) = (None, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '#') if !any => break,
            (None, ' ' | '\t') => {
                if std::mem::take(&mut any) {
                    out.push(std::mem::take(&mut word));
                }
            }
            (None, '\'' | '"') => (quote, any) = (Some(c), true),
            (Some(open), _) if c == open => quote = None,
            (None | Some('"'), '$') => {
                any = true;
                let braced = chars.next_if_eq(&'{').is_some();
                while chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_').is_some() {}
                if braced {
                    chars.next_if_eq(&'}');
                }
            }
            (None | Some('"'), '\\') => {
                any = true;
                word.extend(chars.next());
            }
            _ => {
                any = true;
                word.push(c);
            }
        }
    }
    if any {
        out.push(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_generated_file() {
        let text = r#"
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
fi
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux' {
	load_video
	search --no-floppy --fs-uuid --set=root 1234
	echo	'Loading Linux ...'
	linux	/boot/vmlinuz-6.1.0-cloud-amd64 root=PARTUUID=aa ro  console=ttyS0,115200 $vt_handoff # x
	initrd	(hd0,gpt1)/boot/initrd.img-6.1.0 ($root)/boot/second
}
submenu 'Advanced options' {
	menuentry 'old' {
		linux /boot/vmlinuz-5 root=/dev/sda1
	}
}
"#;
        let entries = parse(text);
        assert_eq!(entries.len(), 2);
        let (title, named) = &entries[0];
        assert_eq!(title, "Debian GNU/Linux");
        assert_eq!(named.linux.as_deref(), Some("/boot/vmlinuz-6.1.0-cloud-amd64"));
        assert_eq!(named.initrds, ["/boot/initrd.img-6.1.0", "/boot/second"]);
        assert_eq!(named.cmdline, "root=PARTUUID=aa ro console=ttyS0,115200");
        assert_eq!(entries[1].1.cmdline, "root=/dev/sda1");
    }
}
