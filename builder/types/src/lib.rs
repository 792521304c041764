//! Names, digests, sizes and places in a profile: the words every other crate speaks.
//!
//! Nothing here does I/O. A crate that needs to say *where* something comes from uses [`Origin`] (a span in a
//! profile) or [`Subject`]; one that needs to say *what went wrong* implements [`Explain`].

mod arch;
pub mod busybox;
mod bytes;
mod capability;
mod content_digest;
mod digest;
mod explain;
mod name;
mod origin;
mod path;
mod sources;
mod time;
mod tool;
mod trace;
mod uuid;

pub use arch::Arch;
pub use bytes::{NumBytes, ParseSizeError};
pub use capability::CAPABILITIES;
pub use content_digest::{ContentDigest, ContentHasher};
pub use digest::{ParseDigestError, Sha256Digest, Sha256Writer};
pub use explain::{Blame, Explain, Note, Problem, Problems};
pub use name::{InvalidName, PackageName};
pub use origin::{Located, Origin, Subject};
pub use path::{InvalidPath, TreePath};
pub use sources::{SourceEntry, SourceKind, Sources};
pub use time::{Utc, days_since_1970, rfc3339};
pub use tool::MissingTool;
pub use trace::{Recorded, Recorder, STEP, Span, Trace};
pub use uuid::Uuid;

/// Seconds since 1970-01-01T00:00:00Z. The only notion of time below `cli`: it always comes in as an argument.
pub type UnixTime = i64;
