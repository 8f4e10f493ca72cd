// The one material of the stage: a texture times a colour, blended over what is there.
//
// Corners come in clip space, so there is no view to look up. Texels and colours are premultiplied sRGB values that pass
// through unchanged. The software rasteriser pays for every instruction of every pixel: interpolation needs no
// perspective, and the level of detail is given, so that no derivatives are taken.

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var smooth_sampler: sampler;

struct Corner {
    @builtin(position) clip: vec4<f32>,
    @location(0) @interpolate(linear) uv: vec2<f32>,
    @location(1) @interpolate(linear) colour: vec4<f32>,
}

@vertex
fn corner(
    @location(0) clip: vec2<f32>,
    @location(1) uv: vec2<f32>,
    @location(2) colour: vec4<f32>,
) -> Corner {
    return Corner(vec4(clip, 0.0, 1.0), uv, colour);
}

@fragment
fn pixel(in: Corner) -> @location(0) vec4<f32> {
    return textureSampleLevel(picture, smooth_sampler, in.uv, 0.0) * in.colour;
}
