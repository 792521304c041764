//! rootsmith-signature
