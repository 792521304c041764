//! The few bytes of a file that tell what it is, read page by page: a program may have hundreds of megabytes, its tables a
//! few kilobytes.

use std::collections::BTreeMap;

use rootsmith_tree::{Blobs, Content};

use super::Unfit;

/// How much is read at once.
const PAGE: u64 = 8 << 10;

/// 8 MiB: tables that spread further are nobody's.
const MAX_PAGES: usize = 1024;

/// A content of which only some pages are read.
pub(super) struct Window<'a> {
    content: &'a Content,
    blobs: &'a dyn Blobs,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl<'a> Window<'a> {
    pub(super) fn new(content: &'a Content, blobs: &'a dyn Blobs) -> Window<'a> {
        Window { content, blobs, pages: BTreeMap::new() }
    }

    /// The first bytes, at most `limit` (which is at most a page).
    pub(super) fn head(&mut self, limit: usize) -> Result<&[u8], Unfit> {
        if self.content.size() == 0 {
            return Ok(&[]);
        }
        let page = self.page(0)?;
        Ok(&page[..page.len().min(limit)])
    }

    pub(super) fn array<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Unfit> {
        let mut bytes = [0; N];
        self.copy(at, &mut bytes)?;
        Ok(bytes)
    }

    /// The text from `at` to the next NUL, which comes within `limit` bytes.
    pub(super) fn string(&mut self, at: u64, limit: usize) -> Result<String, Unfit> {
        let mut text = Vec::new();
        let mut here = at;
        while text.len() < limit && here < self.content.size() {
            let start = here - here % PAGE;
            let page = self.page(start)?;
            // Below a page.
            let rest = page.get((here - start) as usize..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|&b| b == 0) {
                text.extend_from_slice(&rest[..end]);
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            text.extend_from_slice(rest);
            here = start + PAGE;
        }
        Err(Unfit::Broken("a name has no end"))
    }

    fn copy(&mut self, at: u64, buf: &mut [u8]) -> Result<(), Unfit> {
        let end = at.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.content.size()) {
            return Err(Unfit::Broken("a table lies beyond the end of the file"));
        }
        let mut done = 0;
        while done < buf.len() {
            let here = at + done as u64;
            let start = here - here % PAGE;
            let rest = &self.page(start)?[(here - start) as usize..];
            let n = rest.len().min(buf.len() - done);
            buf[done..done + n].copy_from_slice(&rest[..n]);
            done += n;
        }
        Ok(())
    }

    /// The page at `start`, a multiple of the page's size below the content's size.
    fn page(&mut self, start: u64) -> Result<&[u8], Unfit> {
        if !self.pages.contains_key(&start) {
            if self.pages.len() >= MAX_PAGES {
                return Err(Unfit::Broken("its tables are spread too far"));
            }
            let mut page = vec![0; (self.content.size() - start).min(PAGE) as usize];
            let read = self.content.read_at(self.blobs, start, &mut page);
            read.map_err(|error| Unfit::Unreadable(error.to_string()))?;
            self.pages.insert(start, page.into());
        }
        Ok(&self.pages[&start])
    }
}
