//! rootsmith-ext4
