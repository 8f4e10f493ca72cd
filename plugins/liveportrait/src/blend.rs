//! Pictures of regions become one picture: in each region a weighted mean of pictures, soft seams between them. Fixed
//! point, row by row, so that compilers make vector instructions of it.

use crate::{
    layout::Layout,
    picture::{Picture, ROW, SIDE},
};

/// Weights are counted in so many parts. Sums of 8-bit values times their weights, and the half that rounds, stay within
/// 16 bits.
pub(crate) const PARTS: u16 = 256;
const HALF: u16 = PARTS / 2;

/// Pictures and their weights in 256ths, which sum to 256.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipe(Vec<(Picture, u16)>);

impl Recipe {
    /// From weights of any sum above 0: rounded so that their sum is exact. Pictures that have no part are left out.
    pub fn new(shares: Vec<(Picture, f32)>) -> Self {
        let sum: f32 = shares.iter().map(|(_, share)| share).sum();
        let exact: Vec<f32> = shares.iter().map(|(_, share)| share / sum * f32::from(PARTS)).collect();
        let mut parts: Vec<u16> = exact.iter().map(|exact| exact.floor() as u16).collect();
        // What rounding down left over goes to those that lost the most.
        let mut lost: Vec<usize> = (0..parts.len()).collect();
        lost.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
        let left = PARTS.saturating_sub(parts.iter().sum());
        lost.iter().take(left.into()).for_each(|&index| parts[index] += 1);
        let pictures = shares.into_iter().map(|(picture, _)| picture);
        Self(pictures.zip(parts).filter(|(_, parts)| *parts > 0).collect())
    }

    /// Whether the same pictures are blended in the same way.
    fn is(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|((a, n), (b, m))| n == m && std::ptr::eq(a.rgb(), b.rgb()))
    }

    /// Bytes `from..to` of row `y` of the blend.
    fn row(&self, y: usize, (from, to): (usize, usize), sums: &mut [u16], row: &mut [u8]) {
        match self.0.as_slice() {
            [(only, _)] => row[from..to].copy_from_slice(&only.row(y)[from..to]),
            [(first, parts), others @ ..] => {
                let sums = &mut sums[from..to];
                for (sum, byte) in sums.iter_mut().zip(&first.row(y)[from..to]) {
                    *sum = HALF + parts * u16::from(*byte);
                }
                for (other, parts) in others {
                    for (sum, byte) in sums.iter_mut().zip(&other.row(y)[from..to]) {
                        *sum += parts * u16::from(*byte);
                    }
                }
                for (byte, sum) in row[from..to].iter_mut().zip(sums) {
                    *byte = (*sum >> 8) as u8;
                }
            }
            [] => {}
        }
    }
}

/// What each region shows; of eyes and brows the character's right side first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipes {
    pub mouth: Recipe,
    pub eyes: [Recipe; 2],
    pub brows: [Recipe; 2],
}

impl Recipes {
    /// Whether the same picture comes of both.
    pub fn is(&self, other: &Self) -> bool {
        let both = |a: &[Recipe; 2], b: &[Recipe; 2]| a[0].is(&b[0]) && a[1].is(&b[1]);
        self.mouth.is(&other.mouth) && both(&self.eyes, &other.eyes) && both(&self.brows, &other.brows)
    }
}

/// The seams of one face, and room to work in.
#[derive(Debug)]
pub(crate) struct Blender {
    /// For each row the share of what is below in the seam of the brows, and in that of the nose.
    brows: Vec<u16>,
    nose: Vec<u16>,
    /// Byte columns of the seam in the middle, and the share of the left side at each of them.
    middle: (usize, usize),
    shares: Vec<u16>,
    sums: Vec<u16>,
    below: Vec<u8>,
    beside: Vec<u8>,
}

impl Blender {
    pub fn new(layout: &Layout) -> Self {
        let columns = |at: f32| (at as usize).min(SIDE);
        let middle = (columns(layout.middle.from.floor()), columns(layout.middle.to.ceil()));
        Self {
            brows: (0..SIDE).map(|y| layout.brows.share(y)).collect(),
            nose: (0..SIDE).map(|y| layout.nose.share(y)).collect(),
            shares: (middle.0..middle.1).flat_map(|x| [layout.middle.share(x); 3]).collect(),
            middle: (middle.0 * 3, middle.1 * 3),
            sums: vec![0; ROW],
            below: vec![0; ROW],
            beside: vec![0; ROW],
        }
    }

    /// Makes the picture. `to` has the bytes of a picture.
    pub fn blend(&mut self, recipes: &Recipes, to: &mut [u8]) {
        for (y, row) in to.chunks_exact_mut(ROW).enumerate() {
            match (self.brows[y], self.nose[y]) {
                (_, PARTS) => recipes.mouth.row(y, (0, ROW), &mut self.sums, row),
                (PARTS, 0) => self.sides(&recipes.eyes, y, row),
                (0, _) => self.sides(&recipes.brows, y, row),
                (PARTS, share) => {
                    self.sides(&recipes.eyes, y, row);
                    recipes.mouth.row(y, (0, ROW), &mut self.sums, &mut self.below);
                    mix(row, &self.below, share);
                }
                (share, _) => {
                    self.sides(&recipes.brows, y, row);
                    let mut below = std::mem::take(&mut self.below);
                    self.sides(&recipes.eyes, y, &mut below);
                    mix(row, &below, share);
                    self.below = below;
                }
            }
        }
    }

    /// A row of both sides of the face, with the seam between them.
    fn sides(&mut self, [right, left]: &[Recipe; 2], y: usize, row: &mut [u8]) {
        if right.is(left) {
            return right.row(y, (0, ROW), &mut self.sums, row);
        }
        let (from, to) = self.middle;
        right.row(y, (0, to), &mut self.sums, row);
        left.row(y, (from, ROW), &mut self.sums, &mut self.beside);
        for ((byte, other), share) in row[from..to].iter_mut().zip(&self.beside[from..to]).zip(&self.shares) {
            *byte = between(*byte, *other, *share);
        }
        row[to..].copy_from_slice(&self.beside[to..]);
    }
}

fn mix(row: &mut [u8], other: &[u8], share: u16) {
    for (byte, other) in row.iter_mut().zip(other) {
        *byte = between(*byte, *other, share);
    }
}

fn between(one: u8, other: u8, share: u16) -> u8 {
    ((u16::from(one) * (PARTS - share) + u16::from(other) * share + HALF) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{BYTES, tests::plain};

    fn only(value: u8) -> Recipe {
        Recipe::new(vec![(plain([value; 3]), 1.0)])
    }

    #[track_caller]
    fn parts(shares: &[f32], expected: &[u16]) {
        let found = Recipe::new(shares.iter().map(|share| (plain([0; 3]), *share)).collect());
        assert_eq!(found.0.iter().map(|(_, parts)| *parts).collect::<Vec<_>>(), expected, "{shares:?}");
    }

    #[test]
    fn weights_become_parts_whose_sum_is_exact() {
        parts(&[1.0], &[256]);
        parts(&[0.5, 0.5], &[128, 128]);
        parts(&[0.3, 0.3], &[128, 128]);
        parts(&[1.0, 1.0, 1.0], &[86, 85, 85]);
        parts(&[0.999, 0.001], &[256]);
        parts(&[0.1, 0.2, 0.7], &[26, 51, 179]);
        for count in 1..40 {
            let recipe = Recipe::new((1..=count).map(|n| (plain([0; 3]), n as f32)).collect());
            assert_eq!(recipe.0.iter().map(|(_, parts)| parts).sum::<u16>(), PARTS, "{count}");
        }
    }

    #[test]
    fn known_pictures_give_known_pixels() {
        let layout = Layout::default();
        let check = |shares: &[([u8; 3], f32)], expected: [u8; 3]| {
            let recipe = Recipe::new(shares.iter().map(|(rgb, share)| (plain(*rgb), *share)).collect());
            let both = || [recipe.clone(), recipe.clone()];
            let mut picture = vec![9; BYTES];
            let recipes = Recipes { mouth: recipe.clone(), eyes: both(), brows: both() };
            Blender::new(&layout).blend(&recipes, &mut picture);
            assert_eq!(picture, expected.repeat(SIDE * SIDE), "{shares:?}");
        };
        check(&[([10, 20, 30], 1.0)], [10, 20, 30]);
        check(&[([0, 0, 255], 0.5), ([255, 1, 255], 0.5)], [128, 1, 255]);
        check(&[([0, 100, 255], 0.25), ([200, 100, 255], 0.75)], [150, 100, 255]);
        check(&[([255; 3], 0.3), ([255; 3], 0.3), ([255; 3], 0.4)], [255; 3]);
        check(&[([0; 3], 0.3), ([0; 3], 0.7)], [0; 3]);
        check(&[([100, 0, 0], 0.5), ([0, 100, 0], 0.25), ([0, 0, 100], 0.25)], [50, 25, 25]);
    }

    #[test]
    fn each_region_has_its_place_and_seams_are_soft() {
        let layout = Layout::default();
        let recipes = Recipes { mouth: only(250), eyes: [only(100), only(150)], brows: [only(10), only(60)] };
        let mut picture = vec![0; BYTES];
        Blender::new(&layout).blend(&recipes, &mut picture);
        let at = |x: usize, y: usize| picture[y * ROW + x * 3 + 1];
        assert_eq!([at(0, 0), at(511, 0), at(100, 240), at(400, 240)], [10, 60, 10, 60]);
        assert_eq!([at(100, 270), at(400, 270)], [100, 150]);
        assert_eq!([at(0, 511), at(511, 511), at(256, 340)], [250; 3]);
        // Along a line nothing jumps, and everything between is met.
        let check = |line: Vec<u8>, ends: (u8, u8), steepest: u8| {
            assert_eq!((line[0], line[line.len() - 1]), ends);
            for pair in line.windows(2) {
                assert!(pair[1] >= pair[0] && pair[1] - pair[0] <= steepest, "{pair:?}");
            }
        };
        check((0..SIDE).map(|y| at(100, y)).collect(), (10, 250), 10);
        check((0..SIDE).map(|x| at(x, 270)).collect(), (100, 150), 5);
        check((0..SIDE).map(|x| at(x, 100)).collect(), (10, 60), 5);
        check((0..SIDE).map(|x| at(x, 307)).collect(), (at(0, 307), at(511, 307)), 4);
    }

    #[test]
    fn regions_of_one_picture_give_that_picture() {
        let bytes = (0..BYTES).map(|at| (at * 7 + at / ROW * 3) as u8).collect::<Vec<_>>();
        let recipe = Recipe::new(vec![(Picture::new(bytes.clone()).expect("it has the right size"), 1.0)]);
        // Not the same recipe on the two sides, so that the seam in the middle is worked out.
        let twice = || {
            let picture = Picture::new(bytes.clone()).expect("it has the right size");
            Recipe::new(vec![(picture.clone(), 0.5), (picture, 0.5)])
        };
        let recipes =
            Recipes { mouth: recipe.clone(), eyes: [recipe.clone(), twice()], brows: [twice(), recipe.clone()] };
        let mut picture = vec![0; BYTES];
        Blender::new(&Layout::default()).blend(&recipes, &mut picture);
        assert!(picture == bytes, "a seam changes what is the same on both sides");
    }

    #[test]
    fn a_layout_without_seams_is_cut_hard() {
        let hard = |at: f32| crate::layout::Seam { from: at, to: at };
        let layout = Layout { brows: hard(100.0), nose: hard(100.0), middle: hard(512.0), ..Layout::default() };
        let recipes = Recipes { mouth: only(3), eyes: [only(2), only(9)], brows: [only(1), only(8)] };
        let mut picture = vec![0; BYTES];
        Blender::new(&layout).blend(&recipes, &mut picture);
        let rows: Vec<u8> = picture.chunks_exact(ROW).map(|row| row[ROW - 1]).collect();
        assert_eq!(rows[..100], [1; 100]);
        assert_eq!(rows[100..], [3; 412]);
    }
}
