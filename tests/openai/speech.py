"""Asks a running server for speech through OpenAI's official client; README.md says how it is started."""

import io
import subprocess
import sys
import wave

import openai

TEXT = "Good morning. This is a short text, and it has two sentences."


def samples_of_opus(data):
    command = ["ffmpeg", "-v", "error", "-i", "-", "-f", "s16le", "-ac", "1", "-ar", "48000", "-"]
    return len(subprocess.run(command, input=data, capture_output=True, check=True).stdout) // 2


def seconds(form, data):
    """The length of a sound in one of the forms."""
    if form == "pcm":
        return len(data) / 2 / 24_000
    if form == "opus":
        return samples_of_opus(data) / 48_000
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        # The header of a sound that is still made tells no length.
        return len(file.readframes(1 << 30)) / 2 / 24_000


def refused(error, call, **more):
    """The call fails with this error of the client; gives the words and the member that the server names."""
    try:
        call(**more)
    except error as refusal:
        body = refusal.body if isinstance(refusal.body, dict) else {}
        assert body.get("message"), refusal
        return body
    raise AssertionError(f"{more} was not refused")


def main():
    address, token = sys.argv[1:]
    client = openai.OpenAI(base_url=address, api_key=token, max_retries=0)
    speech = client.audio.speech

    def ask(**more):
        return speech.create(**{"model": "tts-1", "voice": "espeak-ng", "input": TEXT, "response_format": "wav"} | more)

    lengths = {form: seconds(form, ask(response_format=form).content) for form in ("wav", "pcm", "opus")}
    print("seconds by form:", lengths)
    assert 2.5 < lengths["wav"] < 8 and max(lengths.values()) - min(lengths.values()) < 0.001
    default = speech.create(model="tts-1", voice="espeak-ng", input=TEXT)
    assert default.response.headers["content-type"] == "audio/wav"

    fast = seconds("wav", ask(speed=2.0).content)
    assert fast < 0.7 * lengths["wav"], fast

    # Every name of theirs is somebody here; German is heard as German.
    for voice in ("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar"):
        length = seconds("pcm", ask(voice=voice, input="Hello.", response_format="pcm").content)
        assert 0.2 < length < 4, (voice, length)
    assert seconds("pcm", ask(voice="alloy", input="Guten Tag, wie geht es dir?", response_format="pcm").content) > 0.8
    own = ask(model="gpt-4o-mini-tts", instructions="Speak in a cheerful tone.", voice={"id": "espeak-ng"})
    assert own.response.headers["content-type"] == "audio/wav"

    # The sound is streamed: it comes in many parts.
    parts = 0
    with speech.with_streaming_response.create(
        model="tts-1", voice="espeak-ng", input=TEXT * 20, response_format="pcm", stream_format="audio"
    ) as response:
        for part in response.iter_bytes(4_096):
            parts += bool(part)
    assert parts > 50, parts

    for form in ("mp3", "aac", "flac"):
        assert refused(openai.BadRequestError, ask, response_format=form)["param"] == "response_format"
    assert refused(openai.BadRequestError, ask, voice="nobody")["code"] == "unknown_voice"
    assert refused(openai.BadRequestError, ask, input="")["param"] == "input"
    assert refused(openai.BadRequestError, ask, speed=9)["param"] == "speed"
    assert refused(openai.NotFoundError, ask, model="whisper-1")["code"] == "model_not_found"
    stranger = openai.OpenAI(base_url=address, api_key="not-the-token", max_retries=0).audio.speech
    try:
        stranger.create(model="tts-1", voice="alloy", input=TEXT, response_format="wav")
        raise AssertionError("a wrong token was served")
    except openai.AuthenticationError:
        pass
    print(f"all is well with openai {openai.__version__}")


main()
