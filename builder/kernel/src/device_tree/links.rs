//! What a device waits for: the nodes that its properties name.
//!
//! Linux makes no driver's `probe` call before the devices are there that its node points to (`fw_devlink`,
//! `drivers/of/property.c`); drivers put themselves off for a few more (`dmas`, `mmc-pwrseq`, `assigned-clocks`). The names
//! and the numbers of cells are those of the bindings (Devicetree Specification, 2.3 and 2.4, and dt-schema).

use super::Node;
use super::tree::cells;

/// Properties that are lists of phandles, each followed by as many cells as the node it names says.
const WITH_CELLS: [(&str, &str); 19] = [
    ("clocks", "#clock-cells"),
    ("assigned-clocks", "#clock-cells"),
    ("assigned-clock-parents", "#clock-cells"),
    ("resets", "#reset-cells"),
    ("power-domains", "#power-domain-cells"),
    ("phys", "#phy-cells"),
    ("dmas", "#dma-cells"),
    ("iommus", "#iommu-cells"),
    ("mboxes", "#mbox-cells"),
    ("interconnects", "#interconnect-cells"),
    ("interrupts-extended", "#interrupt-cells"),
    ("io-channels", "#io-channel-cells"),
    ("io-backends", "#io-backend-cells"),
    ("hwlocks", "#hwlock-cells"),
    ("pwms", "#pwm-cells"),
    ("gpios", "#gpio-cells"),
    ("nvmem-cells", "#nvmem-cell-cells"),
    ("msi-parent", "#msi-cells"),
    ("access-controllers", "#access-controller-cells"),
];

/// Of these the number of cells may be left out, and is none then.
const MAY_BE_BARE: [&str; 3] = ["#nvmem-cell-cells", "#msi-cells", "#access-controller-cells"];

/// Properties that are lists of phandles and nothing else.
const PLAIN: [&str; 4] = ["mmc-pwrseq", "extcon", "wakeup-parent", "power-supplies"];

/// A property of a node, and the node it names.
#[derive(Debug, Clone, Copy)]
pub struct Link<'t> {
    /// `vmmc-supply`.
    pub property: &'t str,
    /// Who has to be there first.
    pub target: Node<'t>,
}

/// Every node that properties of `node` say it needs, in their order. What they name wrongly is left out.
pub fn links(node: Node<'_>) -> Vec<Link<'_>> {
    let mut found = Vec::new();
    for (property, value) in node.properties() {
        let value = cells(value);
        if let Some(count) = cells_property(property) {
            with_cells(node, property, &value, count, &mut found);
        } else if is_plain(property) {
            let targets = value.iter().filter_map(|&phandle| node.by_phandle(phandle));
            found.extend(targets.map(|target| Link { property, target }));
        } else if property == "interrupts" {
            found.extend(interrupt_parent(node).map(|target| Link { property, target }));
        }
    }
    found
}

/// What says how many cells follow a phandle in the property.
fn cells_property(property: &str) -> Option<&'static str> {
    // `nr-gpios` and `ngpios` are numbers.
    let is_gpios = property.ends_with("-gpios") || property.ends_with("-gpio");
    if is_gpios && !property.ends_with("nr-gpios") {
        return Some("#gpio-cells");
    }
    WITH_CELLS.iter().find(|(name, _)| *name == property).map(|(_, count)| *count)
}

fn is_plain(property: &str) -> bool {
    let is_pinctrl = || {
        let number = property.strip_prefix("pinctrl-");
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    };
    property.ends_with("-supply") || PLAIN.contains(&property) || is_pinctrl()
}

fn with_cells<'t>(node: Node<'t>, property: &'t str, value: &[u32], count: &str, found: &mut Vec<Link<'t>>) {
    let mut at = 0;
    while let Some(&phandle) = value.get(at) {
        at += 1;
        // An entry that is left out is a lone 0.
        if phandle == 0 {
            continue;
        }
        let Some(target) = node.by_phandle(phandle) else { return };
        found.push(Link { property, target });
        match target.cells(count).first() {
            Some(&count) => at = at.saturating_add(count as usize),
            None if MAY_BE_BARE.contains(&count) => {}
            None => return,
        }
    }
}

/// Who takes the node's interrupts (2.4.1): its own `interrupt-parent` or that of a node it is in, else the first of those
/// that takes interrupts.
fn interrupt_parent(node: Node<'_>) -> Option<Node<'_>> {
    let mut at = node;
    loop {
        if let Some(&phandle) = at.cells("interrupt-parent").first() {
            return at.by_phandle(phandle);
        }
        at = at.parent()?;
        if at.property("#interrupt-cells").is_some() {
            return Some(at);
        }
    }
}
