//! The part of the page about sizes: two drawings, one for wide and one for narrow windows, and the same as a table.

use rootsmith_types::NumBytes;

use super::escape::escape;
use super::treemap::{Tile, squarify};
use crate::render::words::visible;
use crate::{Part, PartKind, Sizes};

/// So many parts are drawn, the rest as one.
const DRAWN: usize = 150;
/// So many parts are listed.
const LISTED: usize = 1000;
/// The width of a letter of the labels, and the height of their line.
const LETTER: f64 = 6.6;
const LINE: f64 = 15.0;

pub(super) fn section(page: &mut String, sizes: &Sizes) {
    if sizes.parts.iter().all(|part| part.size.get() == 0) {
        return;
    }
    let packages = sizes.parts.iter().filter(|part| part.kind == PartKind::Package).count();
    page.push_str(&format!(
        "<section class=\"room\" aria-labelledby=\"room\">\n<h2 id=\"room\">What takes up the room</h2>\n\
         <p class=\"quiet\">{} in {}, {}. A file with several names counts once.</p>\n",
        sizes.total,
        counted(sizes.files, "file", "files"),
        match packages {
            0 => "none of them known to a package".to_owned(),
            n => format!("from {}", counted(n as u64, "package", "packages")),
        }
    ));
    drawing(page, "wide", sizes, 1040.0, 420.0);
    drawing(page, "narrow", sizes, 400.0, 560.0);
    page.push_str(
        "<p class=\"legend\"><span class=\"key t1\"></span>package<span class=\"key folder\"></span>files that no package brought, by \
         folder</p>\n",
    );
    table(page, sizes);
    page.push_str("</section>\n");
}

fn drawing(page: &mut String, class: &str, sizes: &Sizes, width: f64, height: f64) {
    let mut parts: Vec<(&Part, u64)> =
        sizes.parts.iter().map(|part| (part, part.size.get())).filter(|(_, size)| *size > 0).collect();
    let others = parts.split_off(parts.len().min(DRAWN));
    let rest = others.iter().fold(0u64, |sum, (_, size)| sum.saturating_add(*size));
    let mut areas: Vec<u64> = parts.iter().map(|(_, size)| *size).collect();
    // Not in its place by size, but last: that is where one looks for it.
    areas.extend((rest > 0).then_some(rest));
    page.push_str(&format!(
        "<svg class=\"treemap {class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Treemap: each area is as large as \
         what its files hold. The table below says the same.\">\n"
    ));
    for (at, tile) in squarify(&areas, width, height).iter().enumerate() {
        match parts.get(at) {
            Some((part, _)) => {
                let class = match part.kind {
                    PartKind::Folder => "folder",
                    PartKind::Package => shade(part.size, sizes.total),
                };
                let told = format!(
                    "{}: {}, {}, {} %",
                    visible(&part.name),
                    part.size,
                    counted(part.files, "file", "files"),
                    percent(part.size, sizes.total)
                );
                draw(page, tile, class, &part.name, part.size, &told);
            }
            None => {
                let size = NumBytes::new(rest);
                let name = format!("{} others", others.len());
                let told = format!("{name}: {size}, {} %", percent(size, sizes.total));
                draw(page, tile, "others", &name, size, &told);
            }
        }
    }
    page.push_str("</svg>\n");
}

fn draw(page: &mut String, tile: &Tile, class: &str, name: &str, size: NumBytes, told: &str) {
    // A seam of one unit between tiles; what is thinner than the seam is not seen anyway.
    let (width, height) = ((tile.width - 1.0).max(0.0), (tile.height - 1.0).max(0.0));
    let Tile { x, y, .. } = tile;
    page.push_str(&format!(
        "<g class=\"{class}\"><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
        escape(told)
    ));
    if let Some(label) = label(&visible(name), width).filter(|_| height >= LINE + 4.0) {
        page.push_str(&format!("<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 6.0, y + LINE + 1.0, escape(&label)));
        let size = size.to_string();
        if height >= 2.0 * LINE + 6.0 && label_width(&size) <= width {
            let (x, y) = (x + 6.0, y + 2.0 * LINE + 1.0);
            page.push_str(&format!("<text class=\"size\" x=\"{x:.1}\" y=\"{y:.1}\">{size}</text>"));
        }
    }
    page.push_str("</g>\n");
}

/// As much of the name as there is room for; none when that says nothing.
fn label(name: &str, width: f64) -> Option<String> {
    if label_width(name) <= width {
        return Some(name.to_owned());
    }
    let mut short = String::new();
    for c in name.chars() {
        if label_width(&short) + 2.0 * letter(c) > width {
            break;
        }
        short.push(c);
    }
    (short.chars().count() >= 4).then(|| format!("{short}…"))
}

fn label_width(text: &str) -> f64 {
    12.0 + text.chars().map(letter).sum::<f64>()
}

/// Ideographs and their like are twice as wide.
fn letter(c: char) -> f64 {
    if u32::from(c) >= 0x1100 { 2.0 * LETTER } else { LETTER }
}

/// The darker the larger.
fn shade(size: NumBytes, total: NumBytes) -> &'static str {
    match per_mille(size, total) {
        100.. => "t0",
        40.. => "t1",
        15.. => "t2",
        5.. => "t3",
        _ => "t4",
    }
}

fn per_mille(size: NumBytes, total: NumBytes) -> u128 {
    u128::from(size.get()) * 1000 / u128::from(total.get().max(1))
}

/// With one digit behind the point.
fn percent(size: NumBytes, total: NumBytes) -> String {
    let n = per_mille(size, total);
    format!("{}.{}", n / 10, n % 10)
}

fn table(page: &mut String, sizes: &Sizes) {
    page.push_str(
        "<details class=\"table\"><summary>The same as a table</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" \
         aria-label=\"Sizes\">\n<table><thead><tr><th scope=\"col\">Package or folder</th><th scope=\"col\">Files</th>\
         <th scope=\"col\">Size</th><th scope=\"col\">Share</th></tr></thead><tbody>\n",
    );
    for part in sizes.parts.iter().take(LISTED) {
        let kind = match part.kind {
            PartKind::Package => "",
            PartKind::Folder => " <span class=\"quiet\">no package</span>",
        };
        page.push_str(&format!(
            "<tr><th scope=\"row\"><code>{}</code>{kind}</th><td>{}</td><td>{}</td><td>{} %</td></tr>\n",
            escape(&part.name),
            part.files,
            part.size,
            percent(part.size, sizes.total)
        ));
    }
    page.push_str("</tbody></table>\n");
    if let Some(left) = sizes.parts.len().checked_sub(LISTED).filter(|left| *left > 0) {
        page.push_str(&format!("<p class=\"quiet\">and {left} smaller ones</p>\n"));
    }
    page.push_str("</div></details>\n");
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
