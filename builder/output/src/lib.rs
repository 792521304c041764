//! rootsmith-output
