//! `[board]`, `[[blob]]` and `[[firmware]]`: the machine, and what its boot ROM and its firmware look for.

use rootsmith_types::{Located, TreePath};

use crate::choices::{BOOT_METHODS, TABLES};
use crate::fields::Fields;
use crate::keys::BOARD;
use crate::load::Loader;
use crate::model::{Board, Firmware, Piece, RawBlob};
use crate::words;

/// The board that the profile names; `None` when there is none, or something in it is wrong, which is noted.
pub(crate) fn board(root: &Fields<'_>, loader: &Loader<'_>) -> Option<Board> {
    let name = loader.board()?;
    let table = root.table("board", BOARD, &|_| None);
    let title = table.required("title", "title = \"Raspberry Pi 4 Model B\"", words::line);
    let arch = table.required("arch", "arch = \"arm64\"", words::arch);
    table.require_some("boot", "boot = [\"extlinux\"]");
    let boot = table.set("boot", |text| BOOT_METHODS.read(text));
    table.require_some("table", "table = [\"gpt\"]");
    let tables = table.set("table", |text| TABLES.read(text));
    Some(Board {
        name,
        boot,
        tables,
        first_sector: table.number("first-sector", words::sector),
        device_trees: table.set("device-trees", words::device_tree),
        qemu: table.text("qemu", words::qemu_machine),
        config_txt: table.list("config-txt", words::line),
        notes: table.list("notes", words::line),
        arch: arch?,
        title: title?,
    })
}

/// One `[[blob]]`.
pub(crate) fn blob(table: &Fields<'_>, loader: &Loader<'_>) -> Option<RawBlob> {
    let sector = table.number("sector", words::sector);
    table.require("sector", "sector = 64");
    let content = match of_package(table, "file") {
        Some(package) => {
            let file = table.required("file", "file = \"/usr/lib/u-boot/…/u-boot.itb\"", words::target_path);
            package.zip(file).map(|(package, file)| Piece::Package { package, file })
        }
        None => own_file(table, loader),
    };
    Some(RawBlob { content: content?, sector: sector?, origin: table.origin.clone() })
}

/// The files of one `[[firmware]]`.
pub(crate) fn firmware(table: &Fields<'_>, loader: &Loader<'_>) -> Vec<Firmware> {
    let folder = table.text("folder", words::target_folder).map_or_else(TreePath::root, |folder| folder.value);
    let at = |name: &[u8]| folder.join(name).ok();
    match of_package(table, "files") {
        Some(package) => {
            table.require_some("files", "files = [\"/usr/lib/raspi-firmware/start4.elf\"]");
            let files = table.set("files", words::target_path);
            let Some(package) = package else { return Vec::new() };
            let one = |file: Located<TreePath>| {
                let install = at(file.value.name()?)?;
                let origin = file.origin.clone();
                Some(Firmware { content: Piece::Package { package: package.clone(), file }, install, origin })
            };
            files.into_iter().filter_map(one).collect()
        }
        None => {
            let one = |content: Piece| {
                let Piece::File { path, .. } = &content else { return None };
                let name = path.value.file_name()?.to_str()?.to_owned();
                Some(Firmware { install: at(name.as_bytes())?, content, origin: table.origin.clone() })
            };
            own_file(table, loader).and_then(one).into_iter().collect()
        }
    }
}

/// The package, where bytes come from one; the inner `None` when its name is wrong.
fn of_package(table: &Fields<'_>, files: &'static str) -> Option<Option<Located<rootsmith_types::PackageName>>> {
    if table.get("package").is_none() && table.get("path").is_some() {
        table.refuse(files, "bytes of a file of one's own", &["path", "sha256", "from"]);
        return None;
    }
    for key in ["path", "sha256", "from"] {
        table.refuse(key, "bytes out of a package", &["package", files]);
    }
    Some(table.required("package", "package = \"u-boot-rockchip\"", words::package))
}

fn own_file(table: &Fields<'_>, loader: &Loader<'_>) -> Option<Piece> {
    let from = table.text("from", words::line);
    let named = table.text("path", words::host_path);
    let path = named.and_then(|named| Some(Located::new(loader.payload(&named, from.as_ref())?, named.origin)));
    let sha256 = table.required("sha256", "sha256 = \"…\"", words::digest);
    Some(Piece::File { path: path?, sha256: sha256? })
}
