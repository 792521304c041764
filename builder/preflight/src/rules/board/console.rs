//! The serial console, and what the device tree says of the command line.

use rootsmith_kernel::device_tree::Node;
use rootsmith_kernel::{DeviceTree, device_tree};

use super::{Board, board, over};
use crate::rules::{Met, Outcome};
use crate::view::View;
use crate::{EntryKind, HandedTree};

/// How drivers call their ports, and the beginnings of what they drive.
const PORTS: [(&str, &[&str]); 14] = [
    ("ttyAMA", &["arm,pl011", "arm,sbsa-uart"]),
    (
        "ttyS",
        &[
            "ns16550",
            "ns8250",
            "ns16450",
            "snps,dw-apb-uart",
            "brcm,bcm2835-aux-uart",
            "brcm,bcm7271-uart",
            "ti,am",
            "ti,omap",
            "ti,dra",
            "mediatek,mt",
            "nvidia,tegra",
            "intel,xscale-uart",
            "mrvl,",
            "fsl,ns16550",
        ],
    ),
    ("ttyO", &["ti,am", "ti,omap", "ti,dra"]),
    ("ttymxc", &["fsl,imx"]),
    (
        "ttyLP",
        &["fsl,vf610-lpuart", "fsl,ls1021a-lpuart", "fsl,ls1028a-lpuart", "fsl,imx7ulp-lpuart", "fsl,imx8qxp-lpuart"],
    ),
    ("ttySAC", &["samsung,", "apple,s5l-uart"]),
    ("ttyPS", &["xlnx,xuartps", "cdns,uart"]),
    ("ttyUL", &["xlnx,xps-uartlite"]),
    ("ttyMSM", &["qcom,"]),
    ("ttyAML", &["amlogic,"]),
    ("ttySTM", &["st,stm32"]),
    ("ttySIF", &["sifive,"]),
    ("ttySC", &["renesas,"]),
    ("ttyMV", &["marvell,armada-3700-uart"]),
];

/// Whether `console=` names a port that can be one of a board: `tty0` is the screen.
fn is_serial(console: &str) -> bool {
    console.strip_prefix("tty").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// The devices of every `console=`: `ttyS2` of `console=ttyS2,1500000n8`.
fn consoles<'w>(words: impl Iterator<Item = &'w str>) -> Vec<&'w str> {
    let values = words.filter_map(|word| word.strip_prefix("console="));
    values.filter_map(|value| value.split(',').next()).collect()
}

pub(in crate::rules) fn console(view: &View<'_>) -> Outcome {
    let (entry, trees) = match board(view) {
        Board::Trees(entry, trees) => (entry, trees),
        Board::Fine(reason) => return Outcome::yes(reason),
        Board::Unknown(reason) => return Outcome::unknown(reason),
    };
    let all = consoles(entry.words());
    let mut serial: Vec<&str> = all.iter().copied().filter(|console| is_serial(console)).collect();
    serial.sort_unstable();
    serial.dedup();
    let changed = view
        .facts
        .boot
        .iter()
        .flat_map(|boot| &boot.entries)
        .any(|entry| entry.config.as_ref().is_some_and(|config| config.overlays));
    match serial.as_slice() {
        [] if !all.is_empty() => {
            Outcome::no(format!("the kernel command line has `console={}` only", all.join("`, `console=")))
        }
        [] => over(trees, |tree| with(tree, by_stdout_path)),
        [port] => over(trees, |tree| {
            let found = with(tree, |tree| by_name(tree, port));
            match found.met {
                // What an overlay switches on is not in the tree it is laid over.
                Met::No if changed => Outcome { met: Met::Unknown, ..found },
                _ => found,
            }
        }),
        several => Outcome::no(format!(
            "the kernel command line has {} serial consoles: `{}`",
            several.len(),
            several.join("`, `")
        )),
    }
}

fn with(tree: &HandedTree, judge: impl FnOnce(&DeviceTree<'_>) -> Outcome) -> Outcome {
    match DeviceTree::read(&tree.data) {
        Ok(read) => judge(&read),
        Err(error) => Outcome::unknown(format!("`{}`: {error}", tree.path)),
    }
}

/// The port that the kernel takes by itself.
fn by_stdout_path(tree: &DeviceTree<'_>) -> Outcome {
    let value =
        tree.node("/chosen").and_then(|chosen| chosen.text("stdout-path").or_else(|| chosen.text("linux,stdout-path")));
    let Some(value) = value else {
        return Outcome::no("there is no `console=`, and no `stdout-path` in the device tree");
    };
    // `serial2:1500000n8`: what stands behind the colon is how it is set.
    let named = value.split(':').next().unwrap_or_default();
    match tree.node(named) {
        Some(port) if port.is_enabled() => Outcome::yes(format!("`stdout-path` is `{}`", port.path())),
        Some(port) => Outcome::no(format!("`stdout-path` is `{}`, which is switched off", port.path())),
        None => Outcome::no(format!("`stdout-path` is `{value}`, which is no node")),
    }
}

/// The port by its name in Linux: the driver's prefix, and the number of the alias.
fn by_name(tree: &DeviceTree<'_>, port: &str) -> Outcome {
    let prefix = port.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &port[prefix.len()..];
    let Some((_, drives)) = PORTS.iter().find(|(known, _)| *known == prefix) else {
        return Outcome::unknown(format!("which ports are called `{prefix}` is not known"));
    };
    let fits = |node: &Node<'_>| node.compatible().any(|own| drives.iter().any(|start| own.starts_with(start)));
    match tree.node(&format!("serial{number}")).filter(|_| !number.is_empty()) {
        Some(node) if !fits(&node) => {
            let what = node.compatible().next().unwrap_or("nothing");
            Outcome::no(format!("`serial{number}` is `{}` ({what}), which is no `{port}`", node.path()))
        }
        Some(node) if !node.is_enabled() => {
            Outcome::no(format!("`{port}` is `{}`, which is switched off", node.path()))
        }
        Some(node) => Outcome::yes(format!("`{port}` is `{}`", node.path())),
        None => match tree.nodes().filter(|node| is_port(*node)).find(|node| fits(node) && node.is_enabled()) {
            Some(node) => Outcome::unknown(format!(
                "no alias says which port is `{port}`; `{}` is one that it could be",
                node.path()
            )),
            None => Outcome::no(format!("no port that could be `{port}` is switched on")),
        },
    }
}

/// 2.2.2: the generic name, and the one of old.
fn is_port(node: Node<'_>) -> bool {
    matches!(node.base_name(), "serial" | "uart")
}

pub(in crate::rules) fn bootargs(view: &View<'_>) -> Outcome {
    let (entry, trees) = match board(view) {
        Board::Trees(entry, trees) => (entry, trees),
        Board::Fine(reason) => return Outcome::yes(reason),
        Board::Unknown(reason) => return Outcome::unknown(reason),
    };
    let replaced = entry.kind != EntryKind::RaspberryPi && entry.words().next().is_some();
    let own: Vec<&str> = entry.words().collect();
    over(trees, |tree| {
        let words = match device_tree::bootargs(&tree.data) {
            Ok(words) => words.unwrap_or_default(),
            Err(error) => return Outcome::unknown(format!("`{}`: {error}", tree.path)),
        };
        if words.trim().is_empty() {
            return Outcome::yes(format!("`{}` has no `bootargs`", tree.path));
        }
        if replaced {
            return Outcome::yes(format!("`{}` has `bootargs`, in whose place the entry's words come", tree.path));
        }
        let against = words.split_ascii_whitespace().filter(|word| is_against(word, &own));
        let wrong = against.map(|word| format!("`{}` has `{word}` in its `bootargs`", tree.path));
        Outcome::unless(wrong.collect(), format!("`bootargs` of `{}` say nothing against the entry", tree.path))
    })
}

fn is_against(word: &str, own: &[&str]) -> bool {
    let Some((key, value)) = word.split_once('=') else { return false };
    match key {
        "root" | "init" | "rootfstype" => !own.contains(&word),
        "console" => {
            is_serial(value) && !consoles(own.iter().copied()).contains(&value.split(',').next().unwrap_or(value))
        }
        "cgroup_disable" => true,
        _ => false,
    }
}
