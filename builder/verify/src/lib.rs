//! rootsmith-verify
