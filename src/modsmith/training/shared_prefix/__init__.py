"""A GRPO step that reads each prompt once.

The G completions of a listing share its prompt, and all prompts share the policy. Stock GRPO forwards and
differentiates a copy of both for every completion. Here a batch is one tree, packed into one row of tokens,

    [ policy | listing_1 .. listing_P | completions of listing_1 | .. | completions of listing_P ]

and every token attends to its ancestors and to the tokens before it on its own branch. What comes out, gradients
included, is what the copies give.

    tree        which token stands where, and what it attends to
    attention   exact attention along the branches, without copying keys and values
    head        log-probabilities and their gradient from the last hidden states
    model       teaches a Hugging Face causal model to take a tree; says which models it can't teach
    rollout     sampling from a tree: one pass over the prompts, then one token a completion at a time
    trainer     the above in place of TRL's rollout and log-probabilities

Shape suffixes: `_P` prompts, `_G` completions of one prompt, `_B` all completions, `_N` packed tokens, `_T` tokens of a
completion, `_S` scored tokens, `_H` attention heads, `_K` key-value heads, `_D` head width, `_E` hidden width, `_V`
vocabulary.
"""
