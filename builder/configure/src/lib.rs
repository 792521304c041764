//! rootsmith-configure
