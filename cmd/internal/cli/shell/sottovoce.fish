# Completion of sottovoce for fish; made by: sottovoce completion fish
function __sottovoce_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (sottovoce complete -- $words[2..-1] 2>/dev/null)
    if string match -q ':files*' -- $found
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c sottovoce -f -a '(__sottovoce_complete)'
