//! Systems without io_uring: no ring can be created, so the other functions are never called.

use std::{convert::Infallible, io, marker::PhantomData, os::fd::BorrowedFd};

/// Always fails.
pub fn tcp_path(_: BorrowedFd<'_>) -> io::Result<crate::TcpPath> {
    Err(io::ErrorKind::Unsupported.into())
}

/// See the Linux version.
#[derive(Debug)]
pub struct Ring(Infallible);

impl Ring {
    /// Always fails.
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Not called.
    pub fn sends(&mut self) -> Sends<'_> {
        match self.0 {}
    }
}

/// See the Linux version.
#[derive(Debug)]
pub struct Sends<'a> {
    never: Infallible,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Sends<'a> {
    /// Not called.
    pub fn add(&mut self, _: BorrowedFd<'a>, _: impl IntoIterator<Item = &'a [u8]>) {
        match self.never {}
    }

    /// Not called.
    pub fn add_apart(&mut self, _: BorrowedFd<'a>, _: impl IntoIterator<Item = &'a [u8]>) {
        match self.never {}
    }

    /// Not called.
    pub fn submit(self, _: &mut Vec<io::Result<usize>>) -> io::Result<()> {
        match self.never {}
    }
}
