//! rootsmith-cpio
