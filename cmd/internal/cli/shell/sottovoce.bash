# Completion of sottovoce for bash; made by: sottovoce completion bash
_sottovoce() {
	local word words=() i
	COMPREPLY=()
	for ((i = 1; i <= COMP_CWORD; i++)); do
		words+=("${COMP_WORDS[i]//[\\\"\']/}") # as typed, so with backslashes and quotes
	done
	while IFS=$'\t' read -r word _; do
		if [[ $word == :files ]]; then
			compopt -o default 2>/dev/null
		else
			COMPREPLY+=("$(printf '%q' "$word")")
		fi
	done < <(sottovoce complete -- "${words[@]}" 2>/dev/null)
}
complete -F _sottovoce sottovoce
