//! The one integration-test binary. This list is the table of contents.

mod servers;
mod store;
