"""What servers say when they refuse, in their own words, and what is made of it."""

import pytest

from oasis_search.encoder.endpoint.errors import (
    EndpointError,
    InputTooLargeError,
    explain,
    part_to_keep,
    quote_server,
)
from oasis_search.encoder.endpoint.failures import LostConnection, Refusal, TimedOut
from oasis_search.encoder.endpoint.options import EndpointOptions

URL = "http://127.0.0.1:8080/v1"
OPTIONS = EndpointOptions(URL, "some-model", "MY_KEY")

OPENAI_LONG = (
    '{"error": {"message": "This model\'s maximum context length is 8192 tokens, however you requested 9000 '
    'tokens (9000 in your prompt; 0 for the completion). Please reduce your prompt; or completion length.", '
    '"type": "invalid_request_error", "param": null, "code": null}}'
)
OPENAI_MANY = (
    '{"error": {"message": "Invalid \'input\': array too long. Expected an array with maximum length 2048, '
    'but got an array with length 3000 instead.", "type": "invalid_request_error", '
    '"code": "array_above_max_length"}}'
)
TEI_LONG = (
    '{"error":"Input validation error: `inputs` must have less than 512 tokens. Given: 600",'
    '"error_type":"Validation"}'
)
TEI_MANY = '{"error":"batch size 33 > maximum allowed batch size 32","error_type":"Validation"}'
VLLM_LONG = (
    '{"object":"error","message":"This model\'s maximum context length is 512 tokens. However, you requested '
    '700 tokens in the input for embedding generation. Please reduce the length of the input.","code":400}'
)
LLAMA_LONG = (
    '{"error":{"code":400,"message":"request (3001 tokens) exceeds the available context size (512 tokens), '
    'try increasing it","type":"exceed_context_size_error","n_prompt_tokens":3001,"n_ctx":512}}'
)
LLAMA_UBATCH = (
    '{"error":{"code":500,"message":"input (600 tokens) is too large to process. increase the physical batch '
    'size (current batch size: 512)","type":"server_error"}}'
)
OLLAMA_LONG = '{"error":{"message":"the input length exceeds the context length","type":"api_error"}}'
NGINX_LARGE = "<html>\r\n<head><title>413 Request Entity Too Large</title></head></html>"


def refused(
    status: int, body: str = "", *, key: str = "", options: EndpointOptions = OPTIONS
) -> EndpointError:
    return explain(options, Refusal(status, body), key=key)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, OPENAI_LONG),
        (413, TEI_LONG),
        (400, VLLM_LONG),
        (400, LLAMA_LONG),
        (500, LLAMA_UBATCH),
        (400, OLLAMA_LONG),
        (413, NGINX_LARGE),
        (413, ""),
    ],
)
def test_too_long_input_is_known_in_the_words_of_each_server(status: int, body: str) -> None:
    error = refused(status, body)
    assert isinstance(error, InputTooLargeError)
    assert not error.counts_texts
    assert not error.is_transient


@pytest.mark.parametrize(("status", "body"), [(400, OPENAI_MANY), (413, TEI_MANY), (422, TEI_MANY)])
def test_too_many_inputs_are_told_from_too_long_ones(status: int, body: str) -> None:
    error = refused(status, body)
    assert isinstance(error, InputTooLargeError)
    assert error.counts_texts


@pytest.mark.parametrize(
    ("message", "keep"),
    [
        (OPENAI_LONG, 0.95 * 8192 / 9000),
        (TEI_LONG, 0.95 * 512 / 600),
        (VLLM_LONG, 0.95 * 512 / 700),
        (LLAMA_LONG, 0.95 * 512 / 3001),
        (LLAMA_UBATCH, 0.95 * 512 / 600),
        (OLLAMA_LONG, 0.75),
        (NGINX_LARGE, 0.75),
        ("1,000,000 tokens exceed 512", 0.1),
        ("513 tokens exceed 512", 0.9),
    ],
)
def test_text_is_shortened_as_far_as_the_server_says(message: str, keep: float) -> None:
    assert part_to_keep(quote_server(message)) == pytest.approx(keep)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_overload_may_pass(status: int) -> None:
    error = explain(OPTIONS, Refusal(status, "", retry_after_s=3.0), key="")
    assert error.is_transient
    assert error.retry_after_s == 3
    assert f"{URL} answered {status}" in str(error)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 405, 422, 501, 505])
def test_mistakes_do_not_pass_by_themselves(status: int) -> None:
    error = refused(status)
    assert type(error) is EndpointError
    assert not error.is_transient
    assert URL in str(error)


def test_empty_account_does_not_pass_by_itself() -> None:
    body = '{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    error = refused(429, body)
    assert not error.is_transient
    assert "no credit" in str(error)


@pytest.mark.parametrize(
    ("options", "key", "remedy"),
    [
        (EndpointOptions(URL, "m"), "", "name that in key_variable"),
        (OPTIONS, "", "MY_KEY is not set"),
        (OPTIONS, "sk-1", "does not accept the key in the environment variable MY_KEY"),
    ],
)
def test_missing_key_and_wrong_key_have_other_remedies(
    options: EndpointOptions, key: str, remedy: str
) -> None:
    assert remedy in str(refused(401, key=key, options=options))


@pytest.mark.parametrize(
    ("url", "body", "remedy"),
    [
        ("http://host:8080", '{"error": {"message": "File Not Found"}}', "ends in /v1"),
        ("http://host:8080/v1", "404 page not found", "offers embeddings"),
        (
            URL,
            '{"error": {"message": "model \\"some-model\\" not found, try pulling it first"}}',
            "ollama pull",
        ),
        (URL, '{"message": "The model `some-model` does not exist."}', "correct the model's name"),
    ],
)
def test_wrong_path_and_unknown_model_have_other_remedies(url: str, body: str, remedy: str) -> None:
    assert remedy in str(refused(404, body, options=EndpointOptions(url, "some-model")))


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ('{"error": {"message": "broken"}}', '"broken"'),
        ('{"error": "broken"}', '"broken"'),
        ('{"detail": "broken"}', '"broken"'),
        ('{"message": "broken"}', '"broken"'),
        ('{"detail": [{"loc": ["model"]}]}', "loc"),
        ("<html><body>Bad\nGateway</body></html>", '"an HTML page"'),
        ("\n broken \n pipe", '"broken pipe"'),
        ("", "answered 502."),
    ],
)
def test_server_is_quoted_without_its_wrapping(body: str, quoted: str) -> None:
    assert quoted in str(refused(502, body))


def test_long_words_of_a_server_are_cut() -> None:
    assert len(str(refused(400, "x" * 100_000))) < 600


def test_key_is_masked_wherever_it_is_repeated() -> None:
    errors = [
        explain(OPTIONS, Refusal(401, "bad key sk-secret"), key="sk-secret"),
        explain(OPTIONS, Refusal(307, "", "https://other/?key=sk-secret"), key="sk-secret"),
        explain(OPTIONS, LostConnection("header sk-secret", was_connected=False), key="sk-secret"),
        explain(OPTIONS, LostConnection("header sk-secret", was_connected=True), key="sk-secret"),
    ]
    for error in errors:
        assert "sk-secret" not in str(error)
        assert "***" in str(error)


def test_only_answers_that_may_have_been_computed_may_have_cost() -> None:
    assert explain(OPTIONS, TimedOut(), key="").may_have_cost
    assert explain(OPTIONS, LostConnection("", was_connected=True), key="").may_have_cost
    assert not explain(OPTIONS, LostConnection("", was_connected=False), key="").may_have_cost
    assert not refused(503).may_have_cost


def test_untrusted_certificate_does_not_pass_by_itself() -> None:
    reason = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
    error = explain(OPTIONS, LostConnection(reason, was_connected=False), key="")
    assert not error.is_transient
    assert "SSL_CERT_FILE" in str(error)
