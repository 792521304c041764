//! Tools that make users, and the users they would make.

use super::{Met, Outcome, executable};
use crate::view::View;

pub(super) fn tools(view: &View<'_>, tools: &[String], users: &[String]) -> Outcome {
    let passwd = view.text_or_empty("/etc/passwd");
    let known = |user: &String| passwd.lines().any(|line| line.split(':').next() == Some(user));
    if !users.is_empty() && users.iter().all(known) {
        return Outcome::yes(format!("`/etc/passwd` has {} already", users.join(", ")));
    }
    let found: Vec<Outcome> = tools.iter().map(|name| executable(view, name)).collect();
    let mut wrong = Vec::new();
    for outcome in found {
        if outcome.met == Met::Yes {
            return outcome;
        }
        wrong.extend(outcome.evidence);
    }
    Outcome::unless(wrong, "none is needed")
}
