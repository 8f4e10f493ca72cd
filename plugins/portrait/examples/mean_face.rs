//! Writes `src/mean_face.ron`, from which a few placed points become a whole mesh: the mean of the meshes of the faces in
//! some pictures and of their mirror images. `cargo run -p visage_portrait --example mean_face -- PICTURES… > OUT`

use visage_core::{
    LANDMARKS, PlacedLandmarks,
    mesh_topology::{LIPS_INNER_LOWER, LIPS_INNER_UPPER},
};
use visage_models::Store;
use visage_portrait::{RigBuilder, landmarks_to_ron, read_picture};

/// Distance of the eyes in the mean face.
const EYES_APART: f32 = 1000.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = RigBuilder::new(&Store::default());
    let mut sum = vec![[0.0f32; 3]; LANDMARKS];
    let mut count = 0.0;
    for path in std::env::args_os().skip(1) {
        let found = builder.find_face(&read_picture(path.as_ref())?)?;
        let PlacedLandmarks::Mesh(mesh) = found.landmarks else { return Err("a found face is a mesh".into()) };
        for (sum, point) in sum.iter_mut().zip(normalised(&mesh)) {
            *sum = std::array::from_fn(|axis| sum[axis] + point[axis]);
        }
        count += 1.0;
    }
    let mean: Vec<[f32; 3]> = sum.iter().map(|point| point.map(|value| value / count)).collect();
    // The partner of a point is the one that lies nearest to its mirror image.
    let partner = |[x, y, z]: [f32; 3]| {
        let apart = |other: &[f32; 3]| (other[0] + x).powi(2) + (other[1] - y).powi(2) + (other[2] - z).powi(2);
        mean.iter().min_by(|a, b| apart(a).total_cmp(&apart(b))).copied().unwrap_or_default()
    };
    let mut even: Vec<[f32; 3]> = mean
        .iter()
        .map(|&point| {
            let other = partner(point);
            [(point[0] - other[0]) / 2.0, (point[1] + other[1]) / 2.0, (point[2] + other[2]) / 2.0]
        })
        .collect();
    for (upper, lower) in LIPS_INNER_UPPER.into_iter().zip(LIPS_INNER_LOWER) {
        let (upper, lower) = (usize::from(upper), usize::from(lower));
        let line = [0, 1].map(|axis| (even[upper][axis] + even[lower][axis]) / 2.0);
        for point in [upper, lower] {
            even[point] = [line[0], line[1], even[point][2]];
        }
    }
    let tenths = |value: f32| (value * 10.0).round() / 10.0 + 0.0;
    let even = even.into_iter().map(|point| point.map(tenths)).collect();
    print!("{}", landmarks_to_ron(&PlacedLandmarks::Mesh(even)));
    Ok(())
}

/// A mesh turned and scaled so that the eyes lie on a level line, [`EYES_APART`], with the origin between them.
fn normalised(mesh: &[[f32; 3]]) -> Vec<[f32; 3]> {
    let eye = |a: usize, b: usize| [0, 1].map(|axis| (mesh[a][axis] + mesh[b][axis]) / 2.0);
    let (right, left) = (eye(33, 133), eye(263, 362));
    let (dx, dy) = (left[0] - right[0], left[1] - right[1]);
    let (apart, origin) = (dx.hypot(dy), [(right[0] + left[0]) / 2.0, (right[1] + left[1]) / 2.0]);
    let (cos, sin, scale) = (dx / apart, dy / apart, EYES_APART / apart);
    // Depth begins at the mesh's own middle.
    mesh.iter()
        .map(|[x, y, z]| {
            let (x, y) = (x - origin[0], y - origin[1]);
            [(x * cos + y * sin) * scale, (y * cos - x * sin) * scale, z * scale]
        })
        .collect()
}
