package demo

var italian = catalogue{
	Language: "it", Shelf: "Che cosa vede il supernodo", Aside: "Supernodo",
	Keys:   "Un tasto qualsiasi va avanti, e anche un attimo di pazienza. Ctrl-C finisce.",
	Months: [12]string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"},
	DayOf:  "%d %s %d", And: "e",
	Missing: "Questo non è successo entro %s: %s.", Leaked: "Così non è: %s.",
	Acts: map[string]string{
		"stage": "La scena", "nearby": "Vicini: tre portatili in una piazza", "sealed": "Sigillato: una domanda fra due",
		"community": "Un supernodo nell'armadio", "away": "Assente: Bruno non c'è", "delivered": "Consegnato: i due non s'incontrano mai",
		"removed": "Esclusa: Carla non è più membro", "end": "Fine",
	},
	Texts: texts{
		Nearby: "Caffè alla fontana?", Away: "La chiave è sotto il terzo vaso di fiori.", Answer: "Trovata. Grazie!",
		Without: "Stasera alle otto, solo noi due.",
	},
	Steps: map[string]step{
		"begins": {"c'è una cartella", "Tre persone e un supernodo, in questo solo programma e su nessuna rete; le loro cartelle sono in %s. Ciò che segue è raccontato come lo si vede."},
		"serves": {"il supernodo è in servizio", "Il supernodo di «%s» è in servizio. Ha %d collegamenti, e %d messaggi nella cassetta."},
		"opens":  {"tre persone aprono Sottovoce", "%s aprono Sottovoce, ognuno con la propria cartella: %d file."},

		"sees":   {"%s vede gli altri vicini", "%s vede vicini: %s."},
		"asks":   {"la domanda di %s arriva a %s", "%s chiede a %s di diventare un contatto. La domanda è arrivata."},
		"linked": {"%s e %s sono contatti, e collegati", "%s dice di sì; con %s sono contatti, e collegati."},
		"words":  {"%s e %s vedono le stesse parole di sicurezza", "%s e %s vedono le stesse parole di sicurezza: %s …"},
		"idle":   {"il supernodo non sente nulla", "Di questo non sente nulla: %d collegamenti, %d messaggi."},

		"writes":    {"%s può scrivere, per %s", "%s scrive, per %s: «%s»"},
		"reads":     {"%s legge «%s»", "%s legge: «%s»"},
		"delivered": {"%s sa che è stato consegnato", "%s vede: consegnato, a %d dispositivi su %d. La ricevuta è arrivata da %s."},
		"air":       {"ciò che è stato scritto non è in nessun pacchetto", "Chi ascolta ha sentito %d pacchetti, %d byte, e %d messaggio. Le sue parole sono in %d dei pacchetti."},

		"joins":    {"il supernodo ammette %s", "%s entra in «%s», con un link per una sola persona."},
		"members":  {"il supernodo elenca i suoi membri", "Elenca %d membri. Come li chiama:\n%s"},
		"accounts": {"nessun file del supernodo dice chi sono", "Ha %d file, %d byte. Chi sono %s, con gli id che i loro contatti conoscono, è in %d di essi."},

		"away":     {"%s vede che %s è assente", "%[2]s chiude il portatile e se ne va. %[1]s vede: assente."},
		"kept":     {"il supernodo firma che lo conserva", "%s vede: conservato da %d supernodo fino alla fine del %s. Lo ha firmato."},
		"blob":     {"il messaggio è nella cassetta", "Conserva un messaggio:\nid   %s\ntag  %s\n%d byte, fino alla fine del %s. Cominciano così:\n%s"},
		"searched": {"i suoi file contengono il tag, e non il testo", "Cercato, in tutti i suoi %d file: quel tag è in %d. Ciò che %s ha scritto è in %d."},
		"fetched":  {"anche il programma di %s lo prende", "Anche il programma di %s ha preso lo stesso messaggio: quello di ogni membro li prende tutti. Conversazioni che ha potuto aprire: %d."},

		"closes":   {"%s chiude il programma", "Anche %s chiude. Programmi che i due hanno aperti: %d."},
		"home":     {"%s raggiunge il supernodo da casa", "%s apre a casa, e raggiunge %d supernodo. Persone vicine: %d."},
		"opens-up": {"%s riapre", "%s riapre."},
		"same":     {"il primo messaggio è com'era", "Conserva %d messaggi. Il primo è uguale fino all'ultimo byte: che sia stato letto non ha cambiato nulla."},

		"night":     {"tutti chiudono i programmi", "Notte. %s chiudono."},
		"revoked":   {"chi gestisce il supernodo esclude un membro", "Chi lo gestisce esclude un membro: ne restano %d su %d."},
		"refused":   {"%s viene rifiutata", "%s apre. Il supernodo risponde al programma: %s."},
		"unfetched": {"%s non prende più nulla", "Di ciò che è stato lasciato da allora ha preso %d messaggi."},
		"all-air":   {"ciò che è stato scritto non è in nessun pacchetto", "In tutto sono stati %d pacchetti, %d byte. Le parole di %d messaggi sono in %d di essi."},

		"gone": {"tutto è rimosso", "Era tutto in %s: %d file, %d byte. La cartella è rimossa."},
	},
}
