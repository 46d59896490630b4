"""From labelled listings to a moderator: base models, SFT, rewards and GRPO."""
