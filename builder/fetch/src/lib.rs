//! rootsmith-fetch
