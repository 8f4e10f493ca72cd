//! Moving test frames and a tone for a real browser, with every number that the browser knows about them.
//!
//! `cargo run -p visage_webrtc --example loopback` and open the printed address. The page shows the picture and writes,
//! every two seconds, what it measured; the same goes to this program's output.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::{Html, IntoResponse},
    routing::{get, post},
};
use bevy::prelude::*;
use tokio::sync::mpsc;
use visage_core::{AudioBlock, Frame, SAMPLE_RATE};
use visage_schedule::{
    FrameReady, MediaClock, MicrophoneSound, SchedulePlugin, SignalSocket, Sounding, StageTimes, ViewerDoor, Viewers,
    VisageSystems,
};
use visage_webrtc::WebRtcPlugin;

const SIDE: u32 = 512;
const TICK: Duration = Duration::from_nanos(33_333_333);
const PAGE: &str = include_str!("loopback.html");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let runtime = tokio::runtime::Runtime::new()?;
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, SchedulePlugin, WebRtcPlugin::new(runtime.handle().clone()))).add_systems(
        FixedUpdate,
        (draw.in_set(VisageSystems::Ingest), sound.in_set(VisageSystems::Speak), report.in_set(VisageSystems::Last)),
    );
    let door = app.world().resource::<ViewerDoor>().0.clone();
    let routes = Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/measured", post(|text: String| async move { println!("{text}") }))
        .route("/api/signal", get(signal))
        .with_state(door);
    let listener = runtime.block_on(tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8099))))?;
    println!("http://{}", listener.local_addr()?);
    runtime.spawn(async move { axum::serve(listener, routes).await });
    let mut next = std::time::Instant::now();
    loop {
        app.world_mut().run_schedule(FixedUpdate);
        app.world_mut().run_schedule(Last);
        // Three ticks may be caught up; more, in a burst, would fill the browser's buffers for a long time.
        let now = std::time::Instant::now();
        next = (next + TICK).max(now.checked_sub(3 * TICK).unwrap_or(now));
        std::thread::sleep(next.saturating_duration_since(now));
    }
}

/// How much later than its sound a frame comes, as from the renderer's readback.
const RENDERING_TICKS: usize = 2;

/// Soft shades with a disc that goes round, and a white flash for the first two ticks of every second.
fn draw(clock: Res<MediaClock>, mut frames: MessageWriter<FrameReady>, mut rendering: Local<VecDeque<Frame>>) {
    let angle = clock.tick.seconds() as f32 * 2.0;
    let centre = Vec2::splat(256.0) + 150.0 * Vec2::from_angle(angle);
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    let flash = clock.tick.0 % 30 < 2;
    for y in 0..SIDE {
        for x in 0..SIDE {
            let inside = Vec2::new(x as f32, y as f32).distance_squared(centre) < 3_600.0;
            let corner = flash && x < 128 && y < 128;
            rgba.extend(match (corner, inside) {
                (true, _) => [255, 255, 255, 255],
                (_, true) => [230, 160, 60, 255],
                _ => [(x / 4) as u8, (y / 4) as u8, 90, 255],
            });
        }
    }
    rendering.push_back(Frame { tick: clock.tick, width: SIDE, height: SIDE, rgba: rgba.into() });
    if rendering.len() > RENDERING_TICKS
        && let Some(frame) = rendering.pop_front()
    {
        frames.write(FrameReady(frame));
    }
}

/// A beep for the first two ticks of every second.
fn sound(clock: Res<MediaClock>, mut sounding: ResMut<Sounding>) {
    let mut block = AudioBlock::silence(clock.tick);
    if clock.tick.0 % 30 < 2 {
        for (index, sample) in block.samples.iter_mut().enumerate() {
            *sample = 0.5 * (index as f32 * std::f32::consts::TAU * 1_200.0 / SAMPLE_RATE as f32).sin();
        }
    }
    sounding.block = block;
}

fn report(
    clock: Res<MediaClock>,
    viewers: Res<Viewers>,
    times: Res<StageTimes>,
    mut microphone: MessageReader<MicrophoneSound>,
    mut heard: Local<(usize, f32)>,
) {
    for sound in microphone.read() {
        heard.0 += sound.samples.len();
        heard.1 = sound.samples.iter().fold(heard.1, |loudest, sample| loudest.max(sample.abs()));
    }
    if clock.tick.0 % 150 == 149 {
        for (stage, times) in times.iter() {
            let mut milliseconds: Vec<_> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
            milliseconds.sort_by(f64::total_cmp);
            let at = |part: f64| milliseconds[((milliseconds.len() - 1) as f64 * part) as usize];
            println!("{stage}: median {:.2} ms, p95 {:.2} ms", at(0.5), at(0.95));
        }
        println!("{:?}; microphone: {} samples, loudest {:.3}", *viewers, heard.0, heard.1);
        *heard = (0, 0.0);
    }
}

async fn signal(State(door): State<mpsc::Sender<SignalSocket>>, upgrade: WebSocketUpgrade) -> impl IntoResponse {
    upgrade.on_upgrade(|socket| carry(socket, door))
}

async fn carry(mut socket: WebSocket, door: mpsc::Sender<SignalSocket>) {
    let (to_server, from_viewer) = mpsc::channel(32);
    let (to_viewer, mut from_server) = mpsc::channel(32);
    if door.try_send(SignalSocket { from_viewer, to_viewer }).is_err() {
        return;
    }
    loop {
        tokio::select! {
            text = from_server.recv() => {
                let Some(text) = text else { return };
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    if to_server.send(text.to_string()).await.is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    }
}
