//! rootsmith-preflight
