//! AppArmor, as k0s shows it: whatever comes out, it passes.

use super::Outcome;
use crate::view::View;

pub(super) fn state(view: &View<'_>) -> Outcome {
    if view.symbol("SECURITY_APPARMOR") != Some("y") {
        return Outcome::yes("unavailable: the kernel's configuration does not say `CONFIG_SECURITY_APPARMOR=y`");
    }
    if view.word("apparmor") == Some("0") {
        return Outcome::yes("unavailable: the kernel command line has `apparmor=0`");
    }
    // `security=` names the one large module; `lsm=` lists them all and has precedence.
    let built_in = view.symbol("LSM").map(|list| list.trim_matches('"'));
    let list = match (view.word("lsm"), view.word("security")) {
        (Some(list), _) | (None, Some(list)) => Some(list),
        (None, None) => built_in,
    };
    match list {
        Some(list) if list.split(',').any(|name| name == "apparmor") => {
            Outcome::yes("active, once `/sys/kernel/security` is mounted")
        }
        Some(list) => Outcome::yes(format!("unavailable: the kernel starts `{list}`")),
        None => Outcome::yes("in the kernel; whether it is started is not known"),
    }
}
