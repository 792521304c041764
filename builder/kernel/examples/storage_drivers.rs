//! What boards must load before their disks can be read: `storage_drivers MODULES_FOLDER DTB…`, with the files of
//! `depmod` in the folder.

use std::error::Error;
use std::fs;

use rootsmith_kernel::{Drivers, storage_drivers};

#[allow(clippy::print_stdout, reason = "an example for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: storage_drivers MODULES_FOLDER DTB…")?;
    let text = |name: &str| fs::read_to_string(format!("{folder}/{name}"));
    let drivers = Drivers::read(&text("modules.alias")?, &text("modules.dep")?, &text("modules.builtin")?);
    for dtb in arguments {
        println!("{dtb}");
        let found = storage_drivers(&fs::read(&dtb)?, &drivers)?;
        found.needed.iter().for_each(|needed| println!("  {needed}"));
        for nobody in found.undriven {
            println!("  nothing drives `{}` ({})", nobody.node, nobody.compatible.join(", "));
        }
    }
    Ok(())
}
