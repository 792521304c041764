//! Writes the pages of the documentation that come from the sets: `cargo xtask docs` runs it.

use std::path::PathBuf;
use std::{env, fs, io};

use rootsmith_preflight::{CHECKS_PAGE, SETS_PAGE, checks_page, sets, sets_page};

fn main() -> io::Result<()> {
    let folder: PathBuf = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: docs FOLDER"))?.into();
    fs::write(folder.join(CHECKS_PAGE), checks_page(sets()))?;
    let page = fs::read_to_string(folder.join(SETS_PAGE))?;
    let page = sets_page(&page).ok_or_else(|| io::Error::other(format!("{SETS_PAGE} has no place for the rules")))?;
    fs::write(folder.join(SETS_PAGE), page)
}
