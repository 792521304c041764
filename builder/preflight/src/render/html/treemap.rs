//! A squarified treemap (Bruls, Huizing, van Wijk 2000): areas as large as what they stand for, none long and thin.

/// Where a part lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tile {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Divides `width` by `height` among `sizes`, which descend and are above zero. Only sums, products and quotients: every
/// machine rounds them alike.
pub(super) fn squarify(sizes: &[u64], width: f64, height: f64) -> Vec<Tile> {
    let total: f64 = sizes.iter().map(|&size| size as f64).sum();
    let scale = quotient(width * height, total);
    let areas: Vec<f64> = sizes.iter().map(|&size| size as f64 * scale).collect();
    let mut tiles = Vec::with_capacity(areas.len());
    let mut free = Tile { x: 0.0, y: 0.0, width, height };
    let mut rest = areas.as_slice();
    while !rest.is_empty() {
        let side = free.width.min(free.height);
        let (mut taken, mut sum) = (1, rest[0]);
        while let Some(&next) = rest.get(taken) {
            // One more in the row, as long as the worst shape does not get worse.
            if worst(rest[0], next, sum + next, side) > worst(rest[0], rest[taken - 1], sum, side) {
                break;
            }
            (taken, sum) = (taken + 1, sum + next);
        }
        let (row, others) = rest.split_at(taken);
        free = lay(row, sum, free, &mut tiles);
        rest = others;
    }
    tiles
}

/// The longest shape in a row of areas between `largest` and `smallest` along `side`: long side by short side.
fn worst(largest: f64, smallest: f64, sum: f64, side: f64) -> f64 {
    let side = side * side;
    let sum = sum * sum;
    (side * largest / sum).max(sum / (side * smallest))
}

/// Puts a row along the shorter side and gives back what stays free.
fn lay(row: &[f64], sum: f64, free: Tile, tiles: &mut Vec<Tile>) -> Tile {
    if free.width >= free.height {
        let width = quotient(sum, free.height);
        let mut y = free.y;
        for area in row {
            let height = quotient(*area, width);
            tiles.push(Tile { x: free.x, y, width, height });
            y += height;
        }
        Tile { x: free.x + width, width: (free.width - width).max(0.0), ..free }
    } else {
        let height = quotient(sum, free.width);
        let mut x = free.x;
        for area in row {
            let width = quotient(*area, height);
            tiles.push(Tile { x, y: free.y, width, height });
            x += width;
        }
        Tile { y: free.y + height, height: (free.height - height).max(0.0), ..free }
    }
}

/// Nothing where there is nothing left to divide by: beside something enormous a tile has no extent.
fn quotient(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_s_example_comes_out_as_in_the_paper() {
        let tiles = squarify(&[6, 6, 4, 3, 2, 2, 1], 6.0, 4.0);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        // Two of six fill the left half, four and three lie beside them at the top.
        assert!(near(tiles[0].width, 3.0) && near(tiles[0].height, 2.0), "{tiles:?}");
        assert!(near(tiles[1].y, 2.0) && near(tiles[2].x, 3.0) && near(tiles[2].height, 7.0 / 3.0), "{tiles:?}");
        let area: f64 = tiles.iter().map(|tile| tile.width * tile.height).sum();
        assert!(near(area, 24.0), "{area}");
    }

    #[test]
    fn tiles_stay_inside_and_keep_their_areas_whatever_the_sizes() {
        for sizes in [vec![1], vec![u64::MAX, 1], vec![u64::MAX / 2, 1 << 40, 1000, 1, 1], vec![5; 200]] {
            let tiles = squarify(&sizes, 960.0, 400.0);
            assert_eq!(tiles.len(), sizes.len());
            for tile in tiles {
                assert!(tile.width.is_finite() && tile.height.is_finite() && tile.width >= 0.0 && tile.height >= 0.0);
                assert!(tile.x >= 0.0 && tile.x + tile.width <= 960.001, "{tile:?}");
                assert!(tile.y >= 0.0 && tile.y + tile.height <= 400.001, "{tile:?}");
            }
        }
        assert!(squarify(&[], 1.0, 1.0).is_empty());
    }
}
