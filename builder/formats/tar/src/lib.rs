//! rootsmith-tar
