//! Boxed futures of public async functions. The body of an async function is compiled in each crate that awaits it, with everything
//! that the body awaits; that of a boxed future once, in the crate that defines it.

pub(crate) use async_recursion::async_recursion as boxed;
