//! rootsmith-pipeline
