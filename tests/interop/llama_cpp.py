"""llama.cpp's own library, as the wheel of bench/compare_llama_cpp.py carries it, through ctypes."""

import contextlib
import ctypes
import os
from pathlib import Path

import numpy as np

# Parameters are passed by value, and a program that is not compiled against the header does not know their size: what
# is larger than they are is as good, since the callee looks at its own part. Fields that are changed are checked first.
SIZE = 1024
F16, F32 = 1, 0
# Fields of llama_context_params that are set, with what their default must be for this to be the struct that is known.
N_CTX, N_BATCH, N_UBATCH, N_THREADS, N_THREADS_BATCH, FLASH_ATTENTION, TYPE_K, TYPE_V = 0, 4, 8, 28, 32, 52, 104, 108
DEFAULTS = {N_CTX: 512, N_BATCH: 2048, N_UBATCH: 512, N_THREADS: 4, N_THREADS_BATCH: 4, FLASH_ATTENTION: -1,
            TYPE_K: F16, TYPE_V: F16}
# The flags of llama_model_params: only the first, vocab_only, is set.
MODEL_FLAGS, DEFAULT_FLAGS = 72, [0, 0, 1, 0, 0]


class Parameters(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint8 * SIZE)]

    def read(self, offset: int) -> int:
        return ctypes.c_int32.from_buffer(self, offset).value

    def set(self, offset: int, value: int) -> None:
        ctypes.c_int32.from_buffer(self, offset).value = value


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)),
                ("embd", ctypes.POINTER(ctypes.c_float)), ("pos", ctypes.POINTER(ctypes.c_int32)),
                ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
                ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))), ("logits", ctypes.POINTER(ctypes.c_int8))]


@contextlib.contextmanager
def silent():
    """llama.cpp tells everything on standard error."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class Library:
    def __init__(self, venv: Path):
        [path] = venv.glob("lib/python3*/site-packages/xllamacpp/xllamacpp.abi3.so")
        self.lib = lib = ctypes.CDLL(str(path))
        pointers = ["llama_model_load_from_file", "llama_init_from_model", "llama_adapter_lora_init",
                    "llama_model_get_vocab"]
        for name in pointers:
            getattr(lib, name).restype = ctypes.c_void_p
        lib.llama_model_default_params.restype = lib.llama_context_default_params.restype = Parameters
        lib.llama_batch_init.restype = Batch
        lib.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Parameters]
        lib.llama_init_from_model.argtypes = [ctypes.c_void_p, Parameters]
        lib.llama_adapter_lora_init.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        lib.llama_decode.argtypes = [ctypes.c_void_p, Batch]
        lib.llama_get_logits_ith.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        lib.llama_free.argtypes = lib.llama_model_free.argtypes = [ctypes.c_void_p]
        lib.llama_model_get_vocab.argtypes = lib.llama_vocab_n_tokens.argtypes = [ctypes.c_void_p]
        lib.llama_batch_free.argtypes = [Batch]
        lib.llama_set_adapters_lora.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t,
                                                ctypes.POINTER(ctypes.c_float)]
        lib.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32,
                                       ctypes.POINTER(ctypes.c_int32), ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]
        lib.llama_detokenize.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_int32), ctypes.c_int32,
                                         ctypes.c_char_p, ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]
        lib.llama_model_chat_template.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        lib.llama_model_chat_template.restype = ctypes.c_char_p
        lib.llama_model_meta_val_str.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
        for name in ("bos", "eos", "eot", "pad"):
            getattr(lib, f"llama_vocab_{name}").argtypes = [ctypes.c_void_p]
        lib.llama_vocab_is_eog.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        lib.llama_vocab_is_eog.restype = ctypes.c_bool
        with silent():
            lib.llama_backend_init()

    def model(self, path: Path, vocab_only: bool = False) -> "Model":
        return Model(self.lib, path, vocab_only)


class Model:
    """A GGUF file. Keys and values are kept in f32."""

    def __init__(self, lib, path: Path, vocab_only: bool = False):
        self.lib = lib
        parameters = lib.llama_model_default_params()
        if vocab_only:
            found = list(parameters.bytes[MODEL_FLAGS : MODEL_FLAGS + len(DEFAULT_FLAGS)])
            assert found == DEFAULT_FLAGS, f"another llama_model_params: {found}"
            parameters.bytes[MODEL_FLAGS] = 1
        with silent():
            self.model = lib.llama_model_load_from_file(str(path).encode(), parameters)
        assert self.model, f"llama.cpp does not load {path}"
        self.vocab = lib.llama_model_get_vocab(self.model)

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_) -> None:
        with silent():
            self.lib.llama_model_free(self.model)

    def logits(self, ids: list[int], adapter: Path | None = None, scale: float = 1.0) -> np.ndarray:
        """[N, V] of one text."""
        lib, parameters = self.lib, self.lib.llama_context_default_params()
        found = {offset: parameters.read(offset) for offset in DEFAULTS}
        assert found == DEFAULTS, f"another llama_context_params: {found}"
        for offset, value in ((TYPE_K, F32), (TYPE_V, F32), (N_CTX, max(256, len(ids))), (N_BATCH, 2048),
                              (N_UBATCH, 512), (N_THREADS, 1), (N_THREADS_BATCH, 1), (FLASH_ATTENTION, 0)):
            parameters.set(offset, value)
        with silent():
            context = lib.llama_init_from_model(self.model, parameters)
            assert context, "llama.cpp makes no context"
            if adapter is not None:
                lora = lib.llama_adapter_lora_init(self.model, str(adapter).encode())
                assert lora, f"llama.cpp does not load {adapter}"
                one = (ctypes.c_void_p * 1)(lora)
                assert lib.llama_set_adapters_lora(context, one, 1, (ctypes.c_float * 1)(scale)) == 0
            batch = lib.llama_batch_init(len(ids), 0, 1)
            batch.n_tokens = len(ids)
            for i, token in enumerate(ids):
                batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, 1
                batch.seq_id[i][0] = 0
            assert lib.llama_decode(context, batch) == 0
            width = lib.llama_vocab_n_tokens(self.vocab)
            rows = [np.ctypeslib.as_array(lib.llama_get_logits_ith(context, i), (width,)).copy() for i in range(len(ids))]
            lib.llama_batch_free(batch)
            lib.llama_free(context)
        return np.stack(rows)

    def tokens(self, text: str, special: bool = True, parse_special: bool = True) -> list[int]:
        """Of a text, with the begin-of-text token where the model wants it."""
        data = text.encode()
        ids = (ctypes.c_int32 * (2 * len(data) + 8))()
        count = self.lib.llama_tokenize(self.vocab, data, len(data), ids, len(ids), special, parse_special)
        assert count >= 0
        return list(ids[:count])

    def text(self, ids: list[int]) -> str:
        """Of tokens, special ones included."""
        given, size = (ctypes.c_int32 * len(ids))(*ids), 256 * len(ids) + 256
        buffer = ctypes.create_string_buffer(size)
        count = self.lib.llama_detokenize(self.vocab, given, len(ids), buffer, size, False, True)
        assert count >= 0
        return buffer.raw[:count].decode(errors="replace")

    def id(self, name: str) -> int:
        """Of bos, eos, eot or pad; -1 if there is none."""
        return getattr(self.lib, f"llama_vocab_{name}")(self.vocab)

    def metadata(self, key: str) -> str:
        buffer = ctypes.create_string_buffer(1024)
        count = self.lib.llama_model_meta_val_str(self.model, key.encode(), buffer, len(buffer))
        assert 0 <= count < len(buffer)
        return buffer.value.decode()

    def ends_text(self, token: int) -> bool:
        return self.lib.llama_vocab_is_eog(self.vocab, token)

    def chat_template(self, name: str | None = None) -> str | None:
        found = self.lib.llama_model_chat_template(self.model, name.encode() if name else None)
        return found.decode() if found is not None else None
