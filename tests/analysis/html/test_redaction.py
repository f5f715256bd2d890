from __future__ import annotations

import pytest

from analysis.html.redaction import HIDDEN, redact, redact_text


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "WANDB_API_KEY",
        "HF_TOKEN",
        "token",
        "apiKey",
        "aws-secret",
        "password",
        "db_passwd",
        "Credentials",
    ],
)
def test_values_under_a_secrets_key_are_hidden(key: str) -> None:
    assert redact({"a": [{key: "abc"}], key: {"nested": 1}}) == {"a": [{key: HIDDEN}], key: HIDDEN}


@pytest.mark.parametrize("key", ["n_tokens", "key", "token_dim", "learning_rate", "passive", "secretary"])
def test_other_values_stay(key: str) -> None:
    value = {key: [1, 2.5, None, True, "text"]}
    assert redact(value) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("export WANDB_API_KEY=abc123 && run", f"export WANDB_API_KEY={HIDDEN} && run"),
        ("{'token': 'abc', 'n': 3}", f"{{'token': {HIDDEN}, 'n': 3}}"),
        ('{"api_key": "a b c"}', f'{{"api_key": {HIDDEN}}}'),
        ("password: hunter2", f"password: {HIDDEN}"),
        ("run --wandb-token abc --seed 3", f"run --wandb-token {HIDDEN} --seed 3"),
        ("Authorization: Bearer abcdefgh.ijk", f"Authorization: Bearer {HIDDEN}"),
        ("git clone ssh://me:abc@host/x", f"git clone ssh://{HIDDEN}@host/x"),
        ("n_tokens: 5, key=7, 3 tokens seen, a secret is kept", None),
        ("token:\nnext line", None),
    ],
)
def test_secrets_in_text_are_hidden(text: str, shown: str | None) -> None:
    assert redact_text(text) == (text if shown is None else shown)


def test_a_command_line_hides_what_follows_the_option() -> None:
    assert redact(["run", "--api-key", "abc", "--seed", "3"]) == ["run", "--api-key", HIDDEN, "--seed", "3"]
    assert redact(["run", "--api-key=abc"]) == ["run", f"--api-key={HIDDEN}"]


def test_long_text_takes_no_long_time() -> None:
    text = "a-b.c_" * 1500
    assert redact_text(text) == text
