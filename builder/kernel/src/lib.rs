//! rootsmith-kernel
