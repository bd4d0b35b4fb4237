//! The one integration-test binary. This list is the table of contents.

mod connectors;
mod playbooks;
mod servers;
mod store;
