//! Contact sheets of posed rigs, for judging the geometry by eye:
//! `sheet OUT.png POSES.txt SIZE LEFT,TOP,RIGHT,BOTTOM RIG...`
//!
//! POSES.txt has a pose a line: a label, then `BlendshapeName=weight` and `yaw=`, `pitch=`, `roll=`, `x=`, `y=`, `z=`.
//! The window is in face coordinates (origin between the eyes, unit = distance between them) or `all`. A RIG is a folder
//! with portrait.png, background.png, matte.png and rig.txt (`roll`, `lips`, `skin`, `lids`, `white`, two `iris` lines,
//! 478 `p` lines).

#[path = "raster.rs"]
mod raster;

use std::{error::Error, fs, path::Path, sync::Arc};

use image::RgbaImage;
use visage_core::{BLENDSHAPES, FacePose, Iris, LANDMARKS, MouthColours, Raster, Rig};
use visage_warp::Warp;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, poses, side, window, rigs @ ..] = arguments.as_slice() else {
        return Err("sheet OUT.png POSES.txt SIZE WINDOW RIG...".into());
    };
    let side: u32 = side.parse()?;
    let poses: Vec<(String, FacePose)> =
        fs::read_to_string(poses)?.lines().filter(|l| !l.trim().is_empty()).map(pose).collect();
    let mut rows = Vec::new();
    for path in rigs {
        let rig = load(Path::new(path))?;
        let portrait = raster::with_matte(&rig);
        let started = std::time::Instant::now();
        let mut warp = Warp::new(&rig)?;
        let built = started.elapsed();
        let scale = side as f32 / rig.portrait.width as f32;
        let area = area(window, &rig, scale, side)?;
        let mut row = Vec::new();
        for (label, pose) in &poses {
            warp.pose(pose);
            let picture = raster::draw(&warp, &rig, &portrait, side);
            let picture = RgbaImage::from_raw(side, side, picture.rgba.to_vec()).ok_or("size")?;
            if let Ok(folder) = std::env::var("SHEET_FRAMES") {
                let name = Path::new(path).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                picture.save(format!("{folder}/{name}-{label}.png"))?;
            }
            row.push(image::imageops::crop_imm(&picture, area.0, area.1, area.2, area.3).to_image());
        }
        let started = std::time::Instant::now();
        for (_, pose) in &poses {
            warp.pose(pose);
        }
        let layers = warp.layers();
        eprintln!(
            "{path}: built in {built:?}, pose {:?}, {} vertices, {} triangles",
            started.elapsed() / poses.len() as u32,
            layers.iter().map(|l| l.vertices.len()).sum::<usize>(),
            layers.iter().map(|l| l.indices.len() / 3).sum::<usize>(),
        );
        rows.push(row);
    }
    let columns: u32 = std::env::var("SHEET_COLUMNS").ok().and_then(|v| v.parse().ok()).unwrap_or(poses.len() as u32);
    let cells: Vec<&RgbaImage> = rows.iter().flatten().collect();
    let (w, h) = cells.iter().fold((0, 0), |(w, h), c| (c.width().max(w), c.height().max(h)));
    let mut sheet = RgbaImage::new(columns * (w + 2), (cells.len() as u32).div_ceil(columns) * (h + 2));
    for (i, cell) in cells.iter().enumerate() {
        let (x, y) = (i as u32 % columns * (w + 2), i as u32 / columns * (h + 2));
        image::imageops::replace(&mut sheet, *cell, i64::from(x), i64::from(y));
    }
    sheet.save(out)?;
    Ok(())
}

fn pose(line: &str) -> (String, FacePose) {
    let mut words = line.split_whitespace();
    let label = words.next().unwrap_or_default().to_owned();
    let mut pose = FacePose::default();
    for (name, value) in words.filter_map(|word| word.split_once('=')) {
        let value: f32 = value.parse().unwrap_or_else(|_| panic!("no number: {value}"));
        match name {
            "yaw" => pose.head.yaw = value,
            "pitch" => pose.head.pitch = value,
            "roll" => pose.head.roll = value,
            "x" => pose.head.translation[0] = value,
            "y" => pose.head.translation[1] = value,
            "z" => pose.head.translation[2] = value,
            _ => {
                let both = ["", "Left", "Right"].map(|end| format!("{name}{end}"));
                let mut found = false;
                for shape in BLENDSHAPES.iter().filter(|shape| both.contains(&format!("{shape:?}"))) {
                    pose[*shape] = value;
                    found = true;
                }
                assert!(found, "no shape {name}");
            }
        }
    }
    (label, pose)
}

fn area(window: &str, rig: &Rig, scale: f32, side: u32) -> Result<(u32, u32, u32, u32), Box<dyn Error>> {
    if window == "all" {
        return Ok((0, 0, side, side));
    }
    let w: Vec<f32> = window.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let at = |i: usize| rig.landmarks[i];
    let eyes = [[33, 133], [362, 263]].map(|[a, b]| [(at(a)[0] + at(b)[0]) / 2.0, (at(a)[1] + at(b)[1]) / 2.0]);
    let unit = (eyes[1][0] - eyes[0][0]).hypot(eyes[1][1] - eyes[0][1]);
    let (x, y) = ((eyes[0][0] + eyes[1][0]) / 2.0, (eyes[0][1] + eyes[1][1]) / 2.0);
    let pixel = |v: f32| (v * scale).clamp(0.0, side as f32) as u32;
    let (left, top) = (pixel(x + w[0] * unit), pixel(y + w[1] * unit));
    Ok((left, top, pixel(x + w[2] * unit) - left, pixel(y + w[3] * unit) - top))
}

fn load(folder: &Path) -> Result<Rig, Box<dyn Error>> {
    let picture = |name: &str| -> Result<Raster, Box<dyn Error>> {
        let image = image::open(folder.join(name))?.to_rgba8();
        Ok(Raster { width: image.width(), height: image.height(), rgba: Arc::from(image.into_raw()) })
    };
    let matte = image::open(folder.join("matte.png"))?.to_luma8().into_raw();
    let mut landmarks = Vec::new();
    let mut irises = Vec::new();
    let (mut roll, mut colours) = (0.0, [[0u8; 3]; 4]);
    for line in fs::read_to_string(folder.join("rig.txt"))?.lines() {
        let mut words = line.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let v: Vec<f32> = words.map(str::parse).collect::<Result<_, _>>()?;
        match kind {
            "roll" => roll = v[0],
            "iris" => irises.push(Iris { centre: [v[0], v[1]], radius: v[2] }),
            "p" => landmarks.push([v[0], v[1], v[2]]),
            _ => {
                let slot = ["lips", "skin", "lids", "white"].iter().position(|n| *n == kind).ok_or("unknown line")?;
                colours[slot] = [v[0] as u8, v[1] as u8, v[2] as u8];
            }
        }
    }
    let landmarks: [[f32; 3]; LANDMARKS] = landmarks.try_into().map_err(|_| "478 landmarks")?;
    let [lips, skin, lids, white] = colours;
    Ok(Rig {
        portrait: picture("portrait.png")?,
        background: picture("background.png")?,
        matte: Arc::from(matte),
        landmarks: Arc::new(landmarks),
        irises: irises.try_into().map_err(|_| "two irises")?,
        roll,
        colours: MouthColours { lips, skin, lids, white },
    })
}
