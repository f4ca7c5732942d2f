//! Handles, keys, nonces and every byte of every request are the same in two runs of one seed. The only test of this program: runs at the same
//! time share the system's temporary folder, where each looks at what the others have left, and then a name may have to be drawn again.

use mega_sim::run;

#[test]
fn a_run_of_one_seed_is_the_same_each_time() {
    let seeds = [1001, 1005, 1023, 1077, 1300, 1352];
    let all = || seeds.map(|seed| run(seed, None).history);
    let (first, second) = (all(), all());
    for ((seed, first), second) in seeds.iter().zip(first).zip(second) {
        let same = first.iter().zip(&second).take_while(|(a, b)| a == b);
        let at = same.count();
        assert_eq!(first.get(at), second.get(at), "seed {seed}, line {at}");
    }
}
