//! Requests and an index to a set of packages, as `apt-get install --no-install-recommends` chooses them; or a conflict a
//! person can read.
//!
//! # How packages are chosen
//!
//! 1. Of each name only the *candidate* takes part: the highest version of all repositories that fits the architecture.
//! 2. `Pre-Depends` and `Depends` of everything that is chosen are satisfied, `Conflicts` and `Breaks` respected.
//! 3. A clause that something chosen satisfies is satisfied. Else its alternatives count in their order, and for each the
//!    package of that name before those that provide it. Of several providers, essential ones come first, then those with the
//!    more important `Priority`, then those later in the alphabet: so it is in `apt`, nearly (it looks at the order in which
//!    it came to know the names, and that is close to the alphabet).
//! 4. Everything asked for is chosen first, essential packages before requests; then follows what each needs, in depth.
//! 5. Where that leads nowhere, [`resolvo`] searches; where there is nothing to be found, it knows why.
//!
//! With [`Scope::Named`](rootsmith_lock::Scope::Named) only the requests are chosen, and the image that a kernel's package
//! stands for.
//!
//! Every answer is checked, clause by clause, by code that shares nothing with how it was found.

mod candidates;
mod conflict;
mod explain;
mod problem;
mod request;
mod solve;
mod unknown;
mod verify;
mod walk;

pub use conflict::{Conflict, Step, Unknown};
pub use request::{Request, Resolution, Resolved};
pub use solve::resolve;

#[cfg(test)]
mod tests;
