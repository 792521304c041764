//! rootsmith-gpt
