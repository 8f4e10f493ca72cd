//! Tables of written texts and how they are read.

use super::*;

/// The words of a text; German words without the joints inside numbers.
fn words(text: &str, language: Language) -> String {
    spoken(text, language).replace('\u{ad}', "")
}

/// Every text is read as expected; joined, what is written is the text; what is spoken is read as it is.
fn check(language: Language, cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let found = words(text, language);
        if found != *expected {
            wrong.push(format!("{text:?}\n     is {found:?}\n    not {expected:?}"));
        }
        let written: String = normalise(text, language).into_iter().map(|word| word.written).collect();
        assert_eq!(written, *text);
        let again = words(&found, language);
        if again != found {
            wrong.push(format!("{found:?}\n   becomes {again:?} when it is read again"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn english_is_read_as_people_read_it() {
    #[rustfmt::skip]
    let cases: &[(&str, &str)] = &[
        // Plain words stay.
        ("Hello, how are you?", "Hello, how are you?"),
        ("It's a well-known fact – isn't it?", "It's a well-known fact – isn't it?"),
        // Numbers.
        ("I have 3 cats and 21 dogs.", "I have three cats and twenty-one dogs."),
        ("0", "zero"),
        ("1,234,567 people", "one million two hundred thirty-four thousand five hundred sixty-seven people"),
        ("Pi is 3.14159.", "Pi is three point one four one five nine."),
        (".5 or 0.5", "point five or zero point five"),
        ("It is -5 outside, or −10.", "It is minus five outside, or minus ten."),
        ("1000000000000000000000", "one zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero"),
        ("Agent 007", "Agent zero zero seven"),
        ("the 1st, 2nd, 3rd and 100th time", "the first, second, third and one hundredth time"),
        ("10k users, 5M views", "ten thousand users, five million views"),
        ("a 4K film", "a four-K film"),
        ("2.5 million people", "two point five million people"),
        ("½ cup, 2½ cups, 2 3/4 cups", "one half cup, two and a half cups, two and three quarters cups"),
        ("3/4 of it, 1/3 of that", "three quarters of it, one third of that"),
        ("9/10 and 24/7", "nine out of ten and twenty-four seven"),
        ("1/2 mi, 3/4 oz, 1 1/2 kg", "half a mile, three quarters of an ounce, one and a half kilograms"),
        ("$1.2T", "one point two trillion dollars"),
        ("978-3-16-148410-0", "nine seven eight, three, one six, one four eight four one zero, zero"),
        ("Mon–Fri 9am–5pm", "Monday to Friday nine A-M to five P-M"),
        ("80's music after WWII", "eighties music after World War two"),
        ("50% off, 3.5 % more", "fifty percent off, three point five percent more"),
        ("5–10% and 10-12 days", "five to ten percent and ten to twelve days"),
        ("We won 3-2.", "We won three to two."),
        ("a 16:9 picture", "a sixteen to nine picture"),
        ("twice as big: 2x", "twice as big: two times"),
        ("1920x1080 px", "one thousand nine hundred twenty by one thousand eighty pixels"),
        ("3 x 4 m", "three by four meters"),
        // Years.
        ("in 1984", "in nineteen eighty-four"),
        ("He was born in 1066 and died in 1905.", "He was born in ten sixty-six and died in nineteen oh-five."),
        ("2026 and 2007", "twenty twenty-six and two thousand seven"),
        ("1500 miles", "one thousand five hundred miles"),
        ("1990–1995, 1914-18", "nineteen ninety to nineteen ninety-five, nineteen fourteen to eighteen"),
        ("the 1990s and the '80s", "the nineteen nineties and the eighties"),
        ("mid-1990s", "mid-nineteen nineties"),
        // Dates.
        ("2024-05-03", "May third, twenty twenty-four"),
        ("2024-05-03T14:30", "May third, twenty twenty-four, fourteen thirty"),
        ("5/3/2024 or 13/5/2024", "May third, twenty twenty-four or May thirteenth, twenty twenty-four"),
        ("3 May 2024", "the third of May, twenty twenty-four"),
        ("May 3rd, 2024", "May third, twenty twenty-four"),
        ("on May 3, 2024, we met", "on May third, twenty twenty-four, we met"),
        ("Dec. 24", "December twenty-fourth"),
        ("March 2024", "March twenty twenty-four"),
        ("May 3–5", "May third to fifth"),
        ("the 4th of July", "the fourth of July"),
        ("3.5.2024", "May third, twenty twenty-four"),
        ("You may 5 times", "You may five times"),
        // Times.
        ("at 14:30", "at fourteen thirty"),
        ("at 2:30 pm.", "at two thirty P-M."),
        ("at 2:05 a.m. on Monday", "at two oh five A-M on Monday"),
        ("at 2 pm, 12:00", "at two P-M, twelve o'clock"),
        ("9–5 pm", "nine to five P-M"),
        ("00:00 and 14:30:15", "zero hundred and fourteen thirty and fifteen seconds"),
        // Money.
        ("$3.50", "three dollars and fifty cents"),
        ("It costs $1, not €0.99.", "It costs one dollar, not ninety-nine cents."),
        ("£1.01", "one pound and one penny"),
        ("$2.5 million", "two point five million dollars"),
        ("$5M and €3bn", "five million dollars and three billion euros"),
        ("$10–20", "ten to twenty dollars"),
        ("20 €", "twenty euros"),
        ("USD 5.20 or 100 JPY", "five dollars and twenty cents or one hundred yen"),
        ("-$5", "minus five dollars"),
        ("5 €/kg", "five euros per kilogram"),
        // Units.
        ("100 km/h", "one hundred kilometers per hour"),
        ("1 km, 2 km", "one kilometer, two kilometers"),
        ("20 °C or 68°F", "twenty degrees Celsius or sixty-eight degrees Fahrenheit"),
        ("80 m², 5 m3", "eighty square meters, five cubic meters"),
        ("16 GB of RAM at 3.2 GHz", "sixteen gigabytes of RAM at three point two gigahertz"),
        ("5 kg, 5lbs, 5'10\"", "five kilograms, five pounds, five feet ten"),
        ("10 MB/s", "ten megabytes per second"),
        ("He ran 5 km.", "He ran five kilometers."),
        ("a 10km run", "a ten kilometers run"),
        ("10 min. later", "ten minutes later"),
        // Telephone numbers and codes.
        ("Call 555-1234.", "Call five five five, one two three four."),
        ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
        ("030 1234567", "zero three zero, one two three four five six seven"),
        ("Version 2.0.1", "Version two point zero point one"),
        ("v1.2", "version one point two"),
        ("192.168.0.1", "one hundred ninety-two dot one hundred sixty-eight dot zero dot one"),
        // Abbreviations.
        ("Dr. Smith met Mrs. Jones.", "Doctor Smith met Missus Jones."),
        ("on Sunset Dr. and Main St.", "on Sunset Drive and Main Street."),
        ("St. Paul", "Saint Paul"),
        ("fruit, e.g. apples, i.e. food, etc.", "fruit, for example apples, that is food, et cetera."),
        ("No. 5, p. 12, Fig. 3", "number five, page twelve, figure three"),
        ("No. That is no.", "No. That is no."),
        ("approx. 5 vs. 6", "approximately five versus six"),
        ("the U.S.A. and the U.S.", "the U-S-A and the U-S."),
        ("J. S. Bach", "J S Bach"),
        ("a Ph.D. student", "a P-h-D student"),
        ("Acme Inc. and Co.", "Acme Incorporated and Company."),
        ("w/o sugar, w/ milk", "without sugar, with milk"),
        // Roman numerals.
        ("Henry VIII and Louis XIV", "Henry the eighth and Louis the fourteenth"),
        ("Chapter IV, World War II, Part I", "Chapter four, World War two, Part one"),
        ("the best part I know", "the best part I know"),
        // Acronyms and names.
        ("the USA, the BBC and NASA", "the U-S-A, the B-B-C and NASA"),
        ("two PCs and a CEO's TV", "two P-C's and a C-E-O's T-V"),
        ("This is NOT good. STOP!", "This is NOT good. STOP!"),
        ("WHY ARE YOU SO SAD", "WHY ARE YOU SO SAD"),
        ("an MP3, H2O, the A380 and COVID-19", "an M-P-three, H-two-O, the A-three eighty and COVID nineteen"),
        ("5G and 3D", "five-G and three-D"),
        // Addresses.
        ("See https://www.example.com/docs?id=5.", "See W-W-W dot example dot com slash docs."),
        ("Write to info@example.org, please.", "Write to info at example dot org, please."),
        // Signs.
        ("salt & pepper", "salt and pepper"),
        ("2 + 3 = 5", "two plus three equals five"),
        ("7 - 2 = 5, 7 − 2, 3 × 4, 8 / 2", "seven minus two equals five, seven minus two, three times four, eight divided by two"),
        ("C++ and C#", "C plus plus and C"),
        ("#1, #MachineLearning", "number one, hashtag MachineLearning"),
        ("Nice :-) ;)", "Nice"),
        ("BMI=21.8, 120/80, 4.5/5, 2024/25", "B-M-I equals twenty-one point eight, one hundred twenty over eighty, four point five out of five, twenty twenty-four twenty-five"),
        ("$5/month, 3 €/m², 5¢", "five dollars per month, three euros per square meter, five cents"),
        ("5 PM EST, Apt. 3B, 7B parameters", "five P-M E-S-T, apartment three-B, seven billion parameters"),
        ("I'm 5'11. Dial 911.", "I'm five feet eleven. Dial nine one one."),
        ("x < 5, ~10, 5 > 3", "x less than five, about ten, five greater than three"),
        ("and/or", "and or"),
        ("**Bold**, `code` and _more_", "Bold, code and more"),
        ("- one\u{a0}thing", "- one thing"),
        ("See [this page](https://example.com).", "See this page."),
        ("Great 🎉👍🏽! ™", "Great !"),
        ("Well... yes", "Well… yes"),
        ("5 m² and x²", "five square meters and x squared"),
        ("a\u{ad}b co\u{ad}operate", "ab cooperate"),
    ];
    check(English, cases);
}

#[test]
fn german_is_read_as_people_read_it() {
    #[rustfmt::skip]
    let cases: &[(&str, &str)] = &[
        // Plain words stay.
        ("Guten Tag, wie geht's dir?", "Guten Tag, wie geht's dir?"),
        ("Das ist – glaube ich – gut.", "Das ist – glaube ich – gut."),
        // Numbers.
        ("Ich habe 3 Katzen und 21 Hunde.", "Ich habe drei Katzen und einundzwanzig Hunde."),
        ("1", "eins"),
        ("1 Kilo, 1 Stunde, 1 Tag", "ein Kilo, eine Stunde, ein Tag"),
        ("1.234.567 Menschen", "eine Million zweihundertvierunddreißigtausendfünfhundertsiebenundsechzig Menschen"),
        ("10 000 oder 10.000", "zehntausend oder zehntausend"),
        ("Pi ist 3,14.", "Pi ist drei Komma eins vier."),
        ("0,5 und 3.14", "null Komma fünf und drei Punkt eins vier"),
        ("Es sind -5 Grad.", "Es sind minus fünf Grad."),
        ("007", "null null sieben"),
        ("½ Liter, 1/2 Stunde, 2½ Tassen, 3/4 davon", "ein halber Liter, eine halbe Stunde, zweieinhalb Tassen, drei Viertel davon"),
        ("1/2 kg, 3/4 l, 1 1/2 km", "ein halbes Kilogramm, drei Viertel Liter, eineinhalb Kilometer"),
        ("9/10 und 24/7", "neun von zehn und vierundzwanzig sieben"),
        ("50 % Rabatt, 3,5% mehr", "fünfzig Prozent Rabatt, drei Komma fünf Prozent mehr"),
        ("5–10 % und 10-12 Tage", "fünf bis zehn Prozent und zehn bis zwölf Tage"),
        ("Es steht 3:2.", "Es steht drei zu zwei."),
        ("ein 100%iger Erfolg", "ein einhundertprozentiger Erfolg"),
        ("5 Mio. Menschen, 1 Mrd. Euro", "fünf Millionen Menschen, eine Milliarde Euro"),
        ("2x täglich, 3-mal", "zweimal täglich, dreimal"),
        ("eine 20-jährige Frau", "eine zwanzigjährige Frau"),
        ("der 24-Stunden-Tag", "der vierundzwanzig-Stunden-Tag"),
        ("3 x 4 m", "drei mal vier Meter"),
        // Numbers in a row.
        ("am 3. Tag", "am dritten Tag"),
        ("der 3. Mann, das 2. Kind, die 1. Frau", "der dritte Mann, das zweite Kind, die erste Frau"),
        ("in der 10. Klasse", "in der zehnten Klasse"),
        ("mit dem 2. Versuch", "mit dem zweiten Versuch"),
        ("2. Weltkrieg, 3. Etage, 20. Jahrhundert", "zweiter Weltkrieg, dritte Etage, zwanzigstes Jahrhundert"),
        ("der 1., 2. und 3. Platz", "der erste, zweite und dritte Platz"),
        ("Ich bin der 25.", "Ich bin der fünfundzwanzig."),
        ("zum 100. Mal", "zum einhundertsten Mal"),
        ("jede 2. Woche", "jede zweite Woche"),
        ("ein 2. Kind", "ein zweites Kind"),
        // Years.
        ("im Jahr 1984", "im Jahr neunzehnhundertvierundachtzig"),
        ("seit 1871", "seit achtzehnhunderteinundsiebzig"),
        ("2026", "zweitausendsechsundzwanzig"),
        ("1800 Meter", "eintausendachthundert Meter"),
        ("1990–1995, 1914-18", "neunzehnhundertneunzig bis neunzehnhundertfünfundneunzig, neunzehnhundertvierzehn bis achtzehn"),
        ("die 1990er Jahre, in den 80ern", "die Neunzehnhundertneunziger Jahre, in den Achtzigern"),
        // Dates.
        ("am 3. Mai", "am dritten Mai"),
        ("am 3. Mai 2024 war es", "am dritten Mai zweitausendvierundzwanzig war es"),
        ("der 3. Mai", "der dritte Mai"),
        ("Montag, 3. Mai", "Montag, dritter Mai"),
        ("am 3.5.2024", "am dritten Mai zweitausendvierundzwanzig"),
        ("vom 3.5. bis 5.6.", "vom dritten Mai bis fünften Juni."),
        ("vom 3. bis 5. Mai", "vom dritten bis fünften Mai"),
        ("am 3. und 4. Mai", "am dritten und vierten Mai"),
        ("3.–5. Mai 2024", "dritter bis fünfter Mai zweitausendvierundzwanzig"),
        ("24. Dez. 1999", "vierundzwanzigster Dezember neunzehnhundertneunundneunzig"),
        ("2024-05-03", "dritter Mai zweitausendvierundzwanzig"),
        ("bis zum 31.12.24", "bis zum einunddreißigsten Dezember zweitausendvierundzwanzig"),
        // Times.
        ("um 14:30 Uhr", "um vierzehn Uhr dreißig"),
        ("um 14.30 Uhr.", "um vierzehn Uhr dreißig."),
        ("um 1 Uhr, um 1:01 Uhr", "um ein Uhr, um ein Uhr eins"),
        ("um 14:00", "um vierzehn Uhr"),
        ("9–17 Uhr", "neun bis siebzehn Uhr"),
        ("Mo–Fr 8:05", "Montag bis Freitag acht Uhr fünf"),
        // Money.
        ("3,50 €", "drei Euro fünfzig"),
        ("3,50 Euro", "drei Euro fünfzig"),
        ("1 € oder 0,99 €", "ein Euro oder neunundneunzig Cent"),
        ("€ 20, 5,- €", "zwanzig Euro, fünf Euro"),
        ("5 Mio. €, 1 Mio. €", "fünf Millionen Euro, eine Million Euro"),
        ("10–20 €", "zehn bis zwanzig Euro"),
        ("1.000,50 €", "eintausend Euro fünfzig"),
        ("$5, £1, 20 CHF", "fünf Dollar, ein Pfund, zwanzig Franken"),
        ("EUR 5,50", "fünf Euro fünfzig"),
        // Units.
        ("100 km/h", "einhundert Kilometer pro Stunde"),
        ("1 kg, 1 t, 2 t", "ein Kilogramm, eine Tonne, zwei Tonnen"),
        ("20 °C", "zwanzig Grad Celsius"),
        ("80 m², 80 qm", "achtzig Quadratmeter, achtzig Quadratmeter"),
        ("16 GB, 3,2 GHz", "sechzehn Gigabyte, drei Komma zwei Gigahertz"),
        ("5 €/kg", "fünf Euro pro Kilogramm"),
        ("3 Std. 5 Min.", "drei Stunden fünf Minuten."),
        // Telephone numbers and codes.
        ("Tel. +49 30 1234567", "Telefon plus vier neun, drei null, eins zwei drei vier fünf sechs sieben"),
        ("030/1234567", "null drei null, eins zwei drei vier fünf sechs sieben"),
        ("Version 2.0.1, v3", "Version zwei Punkt null Punkt eins, Version drei"),
        // Abbreviations.
        ("Dr. Meier und Prof. Schmidt", "Doktor Meier und Professor Schmidt"),
        ("z. B. Äpfel, z.B. Birnen", "zum Beispiel Äpfel, zum Beispiel Birnen"),
        ("Z. B. so.", "Zum Beispiel so."),
        ("d. h. Obst, u. a. Äpfel", "das heißt Obst, unter anderem Äpfel"),
        ("Äpfel, Birnen usw.", "Äpfel, Birnen und so weiter."),
        ("bzw. ca. 5 ggf. 6", "beziehungsweise circa fünf gegebenenfalls sechs"),
        ("Nr. 5, S. 12, Abs. 3, Bd. 2", "Nummer fünf, Seite zwölf, Absatz drei, Band zwei"),
        ("St. Pauli, Hauptstr. 5", "Sankt Pauli, Hauptstraße fünf"),
        ("Hr. Meier, Fr. Müller", "Herr Meier, Frau Müller"),
        ("63 v. Chr.", "dreiundsechzig vor Christus."),
        ("i. d. R. inkl. MwSt.", "in der Regel inklusive Mehrwertsteuer."),
        ("J. S. Bach", "J S Bach"),
        ("§ 5", "Paragraf fünf"),
        // Roman numerals.
        ("Ludwig XIV. war König.", "Ludwig der Vierzehnte war König."),
        ("unter Ludwig XIV. und Elisabeth II.", "unter Ludwig dem Vierzehnten und Elisabeth die Zweite."),
        ("Unter Kaiser Wilhelm II. war es so.", "Unter Kaiser Wilhelm dem Zweiten war es so."),
        ("Art. 1 GG, S. 12 ff. und so", "Artikel eins G-G, Seite zwölf folgende und so"),
        ("Kapitel IV, Hartz IV", "Kapitel vier, Hartz vier"),
        // Acronyms and names.
        ("die USA, die EU und die NATO", "die U-S-A, die E-U und die NATO"),
        ("der ADAC, die GmbH und LKWs", "der A-D-A-C, die G-m-b-H und L-K-W's"),
        ("Das ist NICHT gut.", "Das ist NICHT gut."),
        ("die EU-Kommission", "die E-U-Kommission"),
        ("MP3, CO2, A380", "M-P-drei, C-O-zwei, A-dreihundertachtzig"),
        // Addresses.
        ("www.visage.de/preise", "W-W-W Punkt visage Punkt D-E Schrägstrich preise"),
        ("info@example.com", "info ät example Punkt com"),
        // Signs.
        ("Salz & Pfeffer", "Salz und Pfeffer"),
        ("2 + 3 = 5", "zwei plus drei gleich fünf"),
        ("7 - 2 = 5, 7 − 2, 3 × 4, 8 / 2", "sieben minus zwei gleich fünf, sieben minus zwei, drei mal vier, acht geteilt durch zwei"),
        ("#1, #Urlaub", "Nummer eins, Hashtag Urlaub"),
        ("und/oder", "und oder"),
        ("19,99 €/Monat, 5 ct/min, 4,5/5 Punkten", "neunzehn Euro neunundneunzig pro Monat, fünf Cent pro Minute, vier Komma fünf von fünf Punkten"),
        ("1 Schwester, 1 neues Auto, 1 neue Uhr", "eine Schwester, ein neues Auto, eine neue Uhr"),
        ("Am Fr., 3.5., kam Elisabeth I. zu Karl V.", "Am Freitag, dritter Mai, kam Elisabeth die Erste zu Karl dem Fünften."),
        ("Wer ist der Dr.?", "Wer ist der Doktor?"),
        ("Kolleg*innen und Schüler:innen", "Kolleg-innen und Schüler-innen"),
        ("**fett** und `Code`", "fett und Code"),
        ("Toll 🎉!", "Toll !"),
        ("Na ja...", "Na ja…"),
    ];
    check(German, cases);
}

#[test]
fn plain_words_are_what_they_were() {
    let english =
        "The quick brown fox jumps over the lazy dog; doesn't it? \"Yes,\" she said – (quietly) – and left: so be it!";
    let german = "Franz jagt im komplett verwahrlosten Taxi quer durch Bayern; „nicht wahr“, fragte sie – (leise) – und ging: so sei's!";
    assert_eq!(spoken(english, English), english);
    assert_eq!(spoken(german, German), german);
}
