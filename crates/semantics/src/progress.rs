//! What long work tells whoever waits for it.

/// Hears of long work; told from several threads.
pub trait Progress: Sync {
    /// Work on so many things begins; so many others were done before.
    fn begin(&self, what: &str, count: usize, known: usize);

    /// So many more are done.
    fn advance(&self, count: usize);

    /// All are done.
    fn end(&self);

    /// Something that the user may want to know.
    fn note(&self, message: &str);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: usize, _: usize) {}

    fn advance(&self, _: usize) {}

    fn end(&self) {}

    fn note(&self, _: &str) {}
}
