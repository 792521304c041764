//! rootsmith-boot
