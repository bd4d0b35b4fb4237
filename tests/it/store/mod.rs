//! The conformance suite of the history store, on both databases.
