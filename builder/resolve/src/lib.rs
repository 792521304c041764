//! rootsmith-resolve
