#compdef sottovoce
# Completion of sottovoce for zsh; made by: sottovoce completion zsh
_sottovoce() {
	local line word
	local -a found
	for line in "${(@f)$(sottovoce complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		word=${line%%$'\t'*}
		if [[ $word == :files ]]; then
			_files
			return
		elif [[ -n $word ]]; then
			found+=("${word//:/\\:}:${line#*$'\t'}")
		fi
	done
	(( $#found )) && _describe sottovoce found
}
if [[ ${funcstack[1]-} == _sottovoce ]]; then
	_sottovoce "$@" # loaded by name from fpath
else
	compdef _sottovoce sottovoce
fi
