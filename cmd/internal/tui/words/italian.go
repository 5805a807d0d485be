package words

// Italian is the catalogue in Italian.
func Italian() *Catalogue {
	return &Catalogue{
		Language: "it", LanguageName: "italiano",
		Days:   [7]string{"domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"},
		Months: [12]string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"},
		dayOf:  "%s %d %s %d",
		You:    "tu", NewHere: "nuovi", moreRows: "… ancora 1 riga: apri il messaggio|… ancora %d righe: apri il messaggio",
		Queued: "in attesa", Held: "in custodia", Delivered: "consegnato", Read: "letto", Expired: "scaduto", Failed: "non riuscito",
		Below: "altri più sotto: Esc ci porta", ToWhom: "↓ sceglie a sinistra a chi scrivere", QuitHint: "ancora Ctrl+C per uscire", NoShell: "qui nessuna shell potrebbe riprenderlo; Ctrl+Q esce", NothingNew: "niente di nuovo",
		Copied:      "copiato",
		nothingSaid: "Ancora nessun messaggio. Scrivi qualcosa a %s e premi Invio.", encryptedFor: "È cifrato solo per %s. Chi può leggere che cosa: /private",

		Here: "vicino", Away: "assente", Typing: "sta scrivendo …",
		Contact: "contatto", Verified: "verificato", KeysChanged: "chiavi nuove", KeysAlarm: "chiavi in dubbio: vedi /verify", Blocked: "bloccato",
		AsksYou: "chiede a te", YouAsked: "hai chiesto", Stranger: "non ancora un contatto",
		Requests: "chiedono a te", Conversations: "conversazioni", Nearby: "vicino a te", Asked: "hai chiesto",
		NobodyYet:      "ancora nessuno vicino",
		NobodyYetHint:  "Vicino non c'è ancora nessun altro.\n\nLe persone compaiono da sole appena aprono Sottovoce su questa rete.\n\nSe qualcuno dovrebbe esserci e non c'è, scrivi /doctor. Per raggiungere chi è altrove, scrivi /invite e manda il link.",
		ChooseSomebody: "Scegli qualcuno a sinistra: ↓, o un clic.",
		EnterAnswers:   "Premi Invio per dire sì o no.",
		EnterTakesBack: "Se non risponde mai, non succede altro: Invio senza aver scritto nulla ti lascia ritirare la richiesta.",
		AskContact:     "Chiedi di diventare contatti", AcceptYes: "Accetta", DeclineYes: "Rifiuta", TakeBack: "Ritira la richiesta",
		askContactMore: "%s è su questa rete. Per scrivervi diventate prima contatti: tu chiedi, l'altra persona dice di sì.", enterAsks: "Premi Invio per chiedere a %s.",
		answerMore: "%s vorrebbe diventare un tuo contatto. Se accetti potete scrivervi, qui e ovunque siate entrambi.",
		waitingFor: "Hai chiesto a %s. Lo vede a sinistra sul suo schermo, appena ci torna.",
		mayWrite:   "Puoi già scrivere: aspetta nella riga qui sotto, e dopo il suo sì Invio lo manda.",
		notYet:     "%s non ha ancora detto di sì; ciò che hai scritto aspetta qui",
		saidAsked:  "Chiesto a %s.", saidAsksYou: "Alt+A: %s chiede di essere tuo contatto", saidAccepted: "%s è accettato.", saidDeclined: "%s è rifiutato.", saidBlocked: "%s è bloccato e non lo sa.",
		saidUnblocked: "%s può di nuovo scriverti.", saidRenamed: "Ora si chiama %s.", saidRemoved: "%s è dimenticato.", removeTitle: "Dimenticare %s?",
		RemoveMore: "Cancella per sempre il contatto e tutto ciò che vi siete detti. L'altra persona non viene avvisata.", RemoveYes: "Dimentica",
		nobodyCalled: "qui nessuno si chiama %s", noCommand: "non esiste /%s; F2 mostra che cosa c'è",
		Broken:       "fermato",
		StoppedTitle: "Sottovoce è stato fermato",
		StoppedMore:  "Non è più in funzione: qualcuno l'ha fermato, o ha chiuso la finestra in cui girava. Niente è perduto, ma nessuno ti raggiunge. Quando riparte, questa schermata continua da sola.",
		StartAgain:   "Avvialo qui", Quit: "Esci",
		NoNetwork: "nessuna rete", Alone: "nessun altro vicino", LocalOnly: "solo questa rete",
		near: "1 vicino|%d vicini", kept: "1 supernodo custodisce messaggi|%d supernodi custodiscono messaggi", queuedCount: "1 in attesa|%d in attesa", heldCount: "1 in custodia presso i supernodi|%d in custodia presso i supernodi",
		NotKept: "nessun supernodo raggiunto: ora nessuno custodisce messaggi", Weaker: "privacy più debole: un supernodo custodisce troppo per prelevare tutto, e può indovinare quali messaggi sono tuoi",
		StatusTitle: "Come va", NothingWrong: "Tutto a posto.",
		SeenByAll: "ti vedono tutti qui", SeenByContacts: "ti vedono solo i contatti", Hidden: "non ti vede nessuno", NewMessage: "nuovo messaggio",
		tooSmall: "ingrandisci questa finestra: %d × %d", Hints: "F1 aiuto  F2 comandi  Alt+↑↓ persone  Alt+A nuovi  Tab messaggi  Ctrl+Q esci",
		HintsPeople: "↑↓ scegli  Invio scrivi  Esc indietro", HintsMessage: "r rispondi  + reagisci  y copia  Invio dettagli  Esc indietro", HintsOwn: "e modifica  d cancella  ",
		HintsDialog: "Invio sceglie  Esc torna indietro", HintsField: "Invio prosegue  Esc torna indietro", HintsFirst: "Invio prosegue  ↓ copia di sicurezza  Esc esce", HintsRead: "Esc torna indietro",

		Welcome:     "Benvenuto in Sottovoce",
		WelcomeMore: "Chat privata con le persone su questa rete. Niente account, niente server, niente internet.",
		AskName:     "Come ti devono chiamare gli altri?", NameLabel: "Il tuo nome:",
		AskSeen: "Chi può vedere che sei qui?", SeenHint: "Puoi cambiarlo in ogni momento.",
		SeenAllMore: "il tuo nome, a chi è su questa rete", SeenContactsMore: "le persone che hai accettato", SeenNobodyMore: "tu vedi comunque gli altri",
		AskPassphrase: "Una frase segreta, se vuoi", PassphraseHint: "Protegge i tuoi messaggi se qualcuno prende questa macchina. La scrivi a ogni avvio; nessuno può recuperarla. Per non averne premi solo Invio: /settings può metterla più tardi.",
		PassphraseLabel: "Frase segreta:", PassphraseAgain: "La frase segreta ancora una volta", PassphraseDiffers: "Era un'altra. Ancora una volta, per favore.",
		CurrentPassphrase: "La frase segreta di adesso", SaidPassphrase: "La frase segreta è cambiata.",
		Starting: "Mi guardo intorno …",

		Dialogs: italianDialogs(),
		Chores:  italianChores(),
		Changes: italianChanges(),

		Shares:   map[string]string{"nothing": "niente", "reading": "fin dove hai letto", "typing": "che stai scrivendo", "both": "lettura e scrittura"},
		Themes:   map[string]string{"dark": "scuro", "light": "chiaro", "contrast": "alto contrasto", "mono": "nessuno"},
		Commands: italianCommands(),
		Help:     italianHelp(),
	}
}

func italianDialogs() Dialogs {
	return Dialogs{
		PrivateTitle: "Chi può leggere?",
		private: []string{
			"Ciò che scrivi\tTu e la persona a cui scrivi. È cifrato sulla tua macchina e decifrato sulla sua; nessun altro sulla rete può leggerlo.",
			"La sua macchina\tAnche l'altra persona lo conserva, e può mostrarlo a chiunque. Ciò che ha letto l'ha letto, anche se lo modifichi o lo cancelli.",
			"È davvero lei?\tChi fosse stato fra voi due fin dalla primissima richiesta potrebbe leggere e cambiare tutto. Il confronto lo scopre: /verify. Dopo nessuno si mette in mezzo senza un avviso.",
			"La rete\tChi la osserva vede che qui gira Sottovoce, quali indirizzi si parlano, quando e quanto, e il tuo nome finché ti vedono tutti qui.",
			"Chi non c'è\tSe tu o l'altra persona siete in una comunità, i suoi supernodi custodiscono messaggi cifrati per chi non c'è. Non possono leggerli; vedono indirizzi, orari e grandezze, e a volte indovinano per chi è un messaggio.",
		},
		machineOpen:   "Questa macchina\tI messaggi restano qui. Non hai una frase segreta: chi prende questa macchina può leggerli. /settings ne mette una.",
		machineLocked: "Questa macchina\tI messaggi restano qui, chiusi con la tua frase segreta: chi prende questa macchina deve indovinarla, a meno che Sottovoce sia in funzione o si trovi una copia più vecchia dei suoi file.",
		Cancel:        "Annulla", Close: "Chiudi", Copy: "Copia il testo",
		HelpTitle: "Aiuto", CommandsTitle: "Che cosa vuoi fare?", SearchTitle: "Cerca in tutte le conversazioni", SearchLabel: "Cerca:", whoOfThem: "Quale %s?",
		DetailsTitle: "Questo messaggio", Written: "scritto", Received: "arrivato qui", Sealed: "cifrato", DeliveredAt: "consegnato", ReadAt: "letto",
		HeldBy: "custodito da", HeldUntil: "custodito fino al", WaitsFor: "aspetta", Reason: "perché",
		InviteTitle: "Invita qualcuno", InviteKeys: "c copia il link  r lo ritira  Esc chiude", inviteNoCode: "Il suo codice vuole %d × %d. Rimpicciolisci i caratteri di questo terminale, di solito con Ctrl e −, o ingrandisci la finestra.", InviteRevoked: "Il link è ritirato.",
		inviteMore:       "Chi usa per primo questo link diventa un tuo contatto. Mostra il codice, o manda il link con un mezzo di cui ti fidi. Vale una volta, fino al %s.",
		CommunitiesTitle: "Comunità", NoCommunity: "Non sei in nessuna comunità. I supernodi di una comunità custodiscono i messaggi per te mentre non ci sei, sigillati: non possono leggerli.",
		SupernodeReached: "supernodo, raggiunto", SupernodeAway: "supernodo, ora non raggiunto", JoinCommunity: "Entra in una con il suo link", Joining: "chiedo ai suoi supernodi …",
		LeaveMore: "Lì non viene più custodito nulla per te. Puoi rientrare con un link nuovo.", LeaveYes: "Esci",
		leaveCommunity: "Esci da %s", saidLeft: "Sei uscito da %s.", saidJoined: "Ora sei in %s.",
		DoctorTitle: "Perché qualcuno non si trova?", DoctorLooks: "guardo …", NoticeTitle: "Attenzione",
		CompareBegins: "chiedo …", CompareJoin: "Confronta", TheyMatch: "Sono uguali", TheyDiffer: "Sono diversi", WordsMatch: "Le parole di sicurezza sono uguali",
		verifyTitle: "È davvero %s?", compareMore: "Guarda lo schermo di %s, o chiedi a voce. Lì sono uguali, nello stesso ordine?",
		compareAsked:   "Chiesto a %s. Dall'altra parte si sceglie Confronta.",
		compareInvited: "%s vorrebbe confrontare sette figure con te, per essere certi che nessuno stia fra voi.",
		safetyWords:    "Se non potete farlo insieme, leggetevi queste; %s le vede con /verify. Restano le stesse.",
		saidVerified:   "%s è verificato.", saidDiffers: "Hai detto che sono diversi. Non fidarti di questo collegamento con %s.",
		SettingsTitle: "Impostazioni", SetName: "Il tuo nome", SetSeen: "Chi ti vede qui", SetShare: "Che cosa sanno i contatti", SetLocal: "Solo questa rete", SetPassphrase: "Frase segreta",
		SetTheme: "Colori", SetLanguage: "Lingua", On: "sì", Off: "no",
	}
}

func italianChores() Chores {
	return Chores{
		Stop: "Ferma", Stopped: "fermato; non è cambiato nulla",
		CardNow: "adesso", CardOwnName: "si chiama da sé", CardIntroduced: "presentato da", CardSure: "è davvero così?", CardUnverified: "non ancora confrontato", CardID: "id", CardWrite: "Scrivi",
		RenameLabel: "Il tuo nome per questa persona:", RenameMore: "Lo vedi solo tu. Lascialo vuoto per avere il nome che si è data.",
		introducedMore: "%s ti parla di %s: che sia davvero così è parola sua. Se accettate tutti e due, diventate contatti appena siete sulla stessa rete.",
		introduceTitle: "Presenta %s", introduceMore: "A chi? %s e l'altra persona sentono l'una dell'altra da te, con i nomi che si sono date, e ognuna decide da sola. Nessuna viene a sapere che cosa ha risposto l'altra.",
		IntroduceNobody: "Non hai ancora un secondo contatto a cui presentarlo.", saidIntroduced: "%s e %s sentono l'uno dell'altro.",
		resetTitle: "Ricominciare con %s?", resetMore: "Solo se questa è una copia più vecchia dei tuoi messaggi, da una copia di sicurezza o da un'altra macchina. Le chiavi che condividete si abbandonano, e a %s viene chiesto se sei davvero tu. Ciò che scrivi aspetta il suo sì.",
		resetAsk: "Chiedi a %s di ricominciare", resetAsked: "%s vorrebbe ricominciare senza le chiavi che condividete. Dopo una macchina perduta e una copia di sicurezza è giusto. Ma potrebbe chiederlo anche chi ha una copia delle sue chiavi: prima chiedi di persona.",
		resetPermit: "Ho chiesto: è davvero %s", saidReset: "Chiesto a %s di ricominciare; dall'altra parte: /reset", saidPermitted: "Tu e %s ricominciate. Ciò che non era arrivato riparte.",
		keysAccept: "Continua con le chiavi nuove di %s", keysAcceptMore: "Nulla di ciò che %s aveva prima garantisce per queste chiavi. Continua solo se hai chiesto di persona; altrimenti potrebbe essere qualcun altro a leggere ciò che scrivi.", KeysAcceptYes: "Ho chiesto: continua",
		saidGoesOn: "Continui con %s. Confrontate appena potete: /verify", VerifiedUndo: "Ritira la verifica", saidUndone: "%s non è più verificato.",
		LinksTitle: "Link che hai dato", LinksMore: "Ognuno porta una persona. Scegline uno per mostrarlo di nuovo, o per ritirarlo.", LinksNone: "Nessuno è aperto. Un link porta da te una persona che non è su questa rete.", LinksNew: "Fanne uno nuovo",
		LinkForget: "Non si può più usare. Lo tolgo da questo elenco?", LinkForgetYes: "Toglilo", linkOpen: "aperto fino al %s", linkUsed: "usato da %s", linkTwice: "usato da %s e da qualcun altro",
		InviteAway: "Vale anche mentre non ci sei: risponde un supernodo per te.", InviteAlone: "Vale finché qui gira Sottovoce.",

		FileLabel: "File:", FileMore: "Dove lo metto? ~ è la tua cartella.", FileElsewhere: "Scegli un altro posto", fileWritten: "%s scritti …", fileFailed: "%s non è stato scritto.",
		BackupTitle: "Copia di sicurezza di tutto", BackupMore: "Chi sei, i contatti, i messaggi e le impostazioni in un solo file, chiuso con una frase segreta sua. Tienilo lontano da questa macchina. Senza la frase segreta nessuno può aprirlo, nemmeno tu.",
		BackupNeeds: "una copia di sicurezza vuole una frase segreta", backupDone: "%s è scritto, %s. Sottovoce su un'altra macchina può cominciare da qui. Non usarli mai tutti e due insieme.",
		exportTitle: "Salva ciò che vi siete detti con %s", ExportMore: "Tutti i messaggi, in un solo file. Non è chiuso: chi ha il file può leggerlo.",
		ExportPage: "Come pagina", ExportPageMore: "da leggere e stampare, in ogni browser", ExportLines: "Come dati", ExportLinesMore: "un messaggio per riga, per programmi", exportDone: "%s è scritto, con %d messaggi.",
		DiagnosticsTitle: "Un file per chi ti aiuta", DiagnosticsMore: "Quando qualcosa non va, mostra ad altri come stanno le cose qui:",
		DiagnosticsNot:  "Non contiene: ciò che è stato detto, nomi, id, chiavi, indirizzi, cartelle. Leggilo prima di mostrarlo.",
		DiagnosticsRead: "Leggilo tutto", DiagnosticsSave: "Salvalo in un file", diagnosticsDone: "%s è scritto. Leggilo prima di mostrarlo.",
		inVersions: "Sottovoce %s su %s", inFiles: "quanto sono grandi i suoi file: %d, %s in tutto", inNetworks: "di che tipo sono i collegamenti di rete (%d), e quali sono usati (%d)",
		inCounts: "quanti contatti hai (%d), quante persone sono vicine (%d), quanti messaggi aspettano (%d)", inLog: "l'ultima riga del suo registro, senza nomi|le ultime %d righe del suo registro, senza nomi",
		RestoreChoice: "Ho una copia di sicurezza", RestoreTitle: "Riporta una copia di sicurezza", RestoreMore: "Il file che Sottovoce ha scritto sull'altra macchina. Scegline uno con ↓, o scrivi dove si trova; ~ è la tua cartella.",
		restorePassphrase: "La frase segreta di %s, quella che hai scelto quando l'hai fatto.", restoreFar: "1 messaggio è tornato …|%d messaggi sono tornati …",
		RestoredTitle: "È tornato tutto", restored: "1 messaggio e tutti i tuoi contatti sono di nuovo qui.|%d messaggi e tutti i tuoi contatti sono di nuovo qui.",
		RestoredAsks: "Ai tuoi contatti viene chiesto se sei davvero tu. Dillo a loro: dicono di sì dalla loro parte con /reset.", RestoredOnce: "Non avviare più Sottovoce sulla vecchia macchina: i due si ostacolerebbero.",
		RestoredGo: "Continua", RestoredOpen: "ancora nessuna protegge questi messaggi",

		SetKept: "Quanto si tengono i messaggi", SetKeptMore: "per sempre, oppure no", KeptMore: "Ciò che supera un limite sparisce per sempre da questa macchina, il più vecchio per primo. Gli altri tengono ciò che hanno. Ciò che aspetta di partire resta.",
		keptNow: "Ora tutto occupa %s.", KeptDaysLabel: "Tempo", KeptDaysField: "Giorni:", keptDays: "1 giorno|%d giorni", KeptDiskLabel: "Spazio", KeptDiskField: "Megabyte:", keptDisk: "%d MB", KeptEver: "per sempre", KeptAny: "quanto ne serve",
		SetElsewhere: "Chi ti vede altrove", ElsewhereAll: "tutti, sulle reti nuove per te", ElsewhereContacts: "i contatti, sulle reti nuove per te", ElsewhereNobody: "nessuno, sulle reti nuove per te",
		KeptLess: "Ciò che supera il nuovo limite viene cancellato qui per sempre, entro un'ora.", KeptLessYes: "Tieni meno", NoNumber: "non è un numero adatto", SaidKept: "Da ora vale così.",
		ScanTitle: "Chiedi a ogni indirizzo", ScanMore: "Alcune reti, come certi Wi-Fi per ospiti, perdono ciò che si chiama a tutti. Perciò si chiede a ogni indirizzo da solo; risponde solo chi ha Sottovoce.",
		ScanOver: "Chi ha risposto sta a sinistra.", ScanNobody: "ancora nessuno ha risposto", scanFar: "%d su %d chiesti", scanFound: "1 ha risposto|%d hanno risposto",
		CommunityDetails: "i suoi supernodi, e come uscirne", CommunityWaits: "Nessuno dei suoi supernodi ti ha ancora fatto entrare. Si va avanti da soli.",
		CommunityKnows: "Chi gestisce i suoi supernodi ti conosce solo con questo id; né il tuo nome né che cosa è tuo.", CommunityPersona: "lì ti chiami", CommunityID: "comunità",
		SupernodeNever: "mai raggiunto", SupernodeHere: "si trova solo sulla sua rete", supernodeSeen: "ora non raggiunto, l'ultima volta il %s", supernodeAt: "da ovunque: %s",
	}
}

func italianChanges() Changes {
	return Changes{
		WasDeleted: "cancellato", WasEdited: "modificato", QuoteMissing: "un messaggio che qui non c'è",
		Replying: "risposta a", Editing: "modifica", EscDrops: "Esc annulla",
		IsDeleted: "quel messaggio è cancellato", NotYours: "può modificarlo o cancellarlo solo chi l'ha scritto", NoMessage: "qui non c'è un messaggio adatto",
		ReplyYes: "Rispondi", ReactYes: "Reagisci", EditYes: "Modifica", DeleteYes: "Cancella", ToQuoted: "Vai a ciò a cui risponde",
		DeleteTitle: "Cancellare questo messaggio?", deleteMore: "Sparisce qui, e da %s appena si raggiunge. Chi l'ha letto l'ha letto.",
		ReactTitle: "Reagisci", ReactOther: "Un'altra", ReactLabel: "Emoji:", ReactMore: "Scrivi o incolla un'emoji qualsiasi.", reactors: "1 persona|%d persone",
		Reactions: []string{"bene", "mi piace", "divertente", "evviva", "oh!", "triste", "grazie"},
	}
}

func italianCommands() map[string]Command {
	return map[string]Command{
		"to":     {"NOME", "scrivi a qualcuno"},
		"add":    {"NOME o LINK", "chiedi a qualcuno di diventare un contatto"},
		"accept": {"NOME", "di' di sì a chi ti ha chiesto"}, "decline": {"NOME", "di' di no"},
		"private": {"", "chi può leggere, e chi vede che vi parlate"},
		"invite":  {"", "fai un link e un codice per una persona"},
		"verify":  {"NOME", "assicurati che nessuno stia fra voi due"},
		"search":  {"PAROLE", "trova messaggi"}, "communities": {"", "chi custodisce i messaggi mentre non ci sei"},
		"join": {"LINK", "entra in una comunità"}, "rename": {"NUOVO NOME", "dai a questa persona un nome tuo"},
		"block": {"NOME", "chiudi fuori qualcuno, senza dirlo"}, "unblock": {"NOME", "lascialo rientrare"}, "remove": {"NOME", "dimentica qualcuno e tutto ciò che vi siete detti"},
		"reply": {"", "rispondi al messaggio scelto, o all'ultimo"}, "react": {"EMOJI", "reagisci al messaggio scelto, o all'ultimo"},
		"edit": {"", "modifica ciò che hai scritto"}, "delete": {"", "cancella ciò che hai scritto, per tutti e due"},
		"links": {"", "i link che hai dato; ritirane uno"}, "about": {"NOME", "chi è qualcuno, e tutto ciò che puoi fare"}, "introduce": {"NOME", "fai conoscere due tuoi contatti"},
		"reset": {"NOME", "ricomincia dopo una copia di sicurezza"}, "export": {"NOME", "salva in un file ciò che vi siete detti"}, "backup": {"", "salva tutto in un solo file chiuso"},
		"retention": {"", "quanto si tengono i messaggi"}, "scan": {"", "chiedi a ogni indirizzo chi c'è"}, "diagnostics": {"", "un file per chi ti aiuta"},
		"settings": {"", "nome, visibilità, frase segreta, colori, lingua"}, "status": {"", "come va, e che cosa non va"}, "doctor": {"", "scopri perché qualcuno non si trova"},
		"help": {"", "tasti e comandi"}, "quit": {"", "esci"},
	}
}

func italianHelp() []string {
	return []string{
		"Invio\tmanda", "Alt+↑ Alt+↓\tla persona sopra, sotto; ↓ finché nessuno è scelto", "Alt+A\tla prossima conversazione da leggere, o chi chiede a te",
		"Tab\tsui messaggi; ↑ ↓ ne scelgono uno, Esc torna indietro", "r  +\trispondi a quel messaggio, reagisci", "e  d\tmodificalo, cancellalo, se è tuo", "Invio  y\ti suoi dettagli, copialo",
		"PgUp PgDn\tscorri la conversazione; Esc va alla fine", "Ctrl+F\tcerca", "F2, o /\ttutti i comandi", "/private\tchi può leggere?", "/doctor\tperché qualcuno non si trova", "/invite\traggiungi chi è altrove",
		"↑\tmodifica il tuo ultimo messaggio", "Alt+Invio\ta capo", "Ctrl+↑ Ctrl+↓\tciò che hai scritto prima", "Ctrl+Z\tpausa; scrivi fg per tornare", "Ctrl+Q\tesci",
	}
}
