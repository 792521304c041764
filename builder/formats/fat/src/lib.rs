//! rootsmith-fat
