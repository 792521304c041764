//! Where the machine's id comes from, for k0s 1.29 and older.

use super::Outcome;
use crate::Said;
use crate::view::View;

pub(super) fn source(view: &View<'_>) -> Outcome {
    for file in ["/var/lib/dbus/machine-id", "/etc/machine-id"] {
        if !matches!(view.text_or_empty(file).trim(), "" | "uninitialized") {
            return Outcome::yes(format!("`{file}`"));
        }
    }
    if view.systemd().is_some() {
        return Outcome::yes("systemd writes `/etc/machine-id` when the machine starts for the first time");
    }
    let init = view.init();
    // k0s then takes the hash of the host's name, which several machines may share.
    Outcome::no(format!("there is no `/etc/machine-id`, and nothing is known that the init `{init}` writes one"))
        .said(Said::Pass)
}
